/* openat2(2): what bounds a walk holds for absolute paths and links, too. */
#include "check.h"
#include <linux/openat2.h>

static int open_in(int directory, const char *path, unsigned long long resolve)
{
    struct open_how how = {.flags = O_PATH, .resolve = resolve};
    return syscall(SYS_openat2, directory, path, &how, sizeof how);
}

static int is_same(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

int main(void)
{
    OK(mkdir("root", 0755));
    OK(mkdir("root/a", 0755));
    close(OK(open("root/a/f", O_CREAT | O_WRONLY, 0644)));
    close(OK(open("outside", O_CREAT | O_WRONLY, 0644)));
    OK(symlink("/a/f", "root/absolute"));
    OK(symlink("../../../a/f", "root/up"));
    OK(symlink("/proc/self/cwd", "root/magic"));
    int root = OK(open("root", O_PATH)), file = OK(open("root/a/f", O_PATH));

    const char *inside[] = {"a/f", "/a/f", "/../a/f", "../../a/f", "absolute", "/absolute", "up", "//a//f"};
    for (int i = 0; i < 8; i++) {
        int found = open_in(root, inside[i], RESOLVE_IN_ROOT);
        if (found < 0 || !is_same(found, file))
            complain(__FILE__, __LINE__, inside[i], found, errno);
        close(found);
    }
    int self = OK(open_in(root, "/", RESOLVE_IN_ROOT));
    CHECK(is_same(self, root));
    FAILS(ENOENT, open_in(root, "/etc/passwd", RESOLVE_IN_ROOT));
    FAILS(ENOENT, open_in(root, "/outside", RESOLVE_IN_ROOT));
    FAILS(ENOENT, open_in(root, "../outside", RESOLVE_IN_ROOT));
    FAILS(ENOENT, open_in(root, "magic", RESOLVE_IN_ROOT));
    FAILS(EXDEV, open_in(root, "/a/f", RESOLVE_BENEATH));
    FAILS(EXDEV, open_in(root, "absolute", RESOLVE_BENEATH));
    FAILS(EXDEV, open_in(root, "../outside", RESOLVE_BENEATH));
    FAILS(ELOOP, open_in(root, "absolute", RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT));
    FAILS(EBADF, open_in(-1, "/a/f", RESOLVE_IN_ROOT));
    FAILS(ENOTDIR, open_in(file, "/a/f", RESOLVE_IN_ROOT));

    /* Made inside as well. */
    struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = 0600, .resolve = RESOLVE_IN_ROOT};
    close(OK(syscall(SYS_openat2, root, "/new", &how, sizeof how)));
    RETURNS(0, access("root/new", F_OK));
    return done();
}
