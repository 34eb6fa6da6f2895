/* The *at calls, O_PATH, openat2(2), and paths with odd shapes. */
#include "check.h"
#include <linux/openat2.h>

static int openat2(int directory, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = { .flags = flags, .resolve = resolve };
    return syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int main(void)
{
    char buffer[64];
    struct stat st;
    RETURNS(0, mkdir("d", 0755));
    make_file("d/f", "hi");
    RETURNS(0, symlink("f", "d/link"));
    RETURNS(0, symlink("/", "d/root"));
    RETURNS(0, symlink("../d", "d/up"));
    int dir = OK(open("d", O_RDONLY | O_DIRECTORY));
    int fd = OK(openat(dir, "f", O_RDONLY));
    RETURNS(2, read(fd, buffer, 8));
    FAILS(ENOTDIR, openat(fd, "x", O_RDONLY));
    FAILS(EBADF, openat(999, "x", O_RDONLY));
    RETURNS(0, mkdirat(dir, "sub", 0755));
    RETURNS(0, access("d/sub", F_OK));
    RETURNS(0, unlinkat(dir, "sub", AT_REMOVEDIR));
    FAILS(EINVAL, unlinkat(dir, "f", 0x4000));
    RETURNS(0, symlinkat("f", dir, "l2"));
    RETURNS(1, readlinkat(dir, "l2", buffer, 8));
    RETURNS(0, faccessat(dir, "f", R_OK, 0));
    RETURNS(0, renameat(dir, "l2", AT_FDCWD, "moved"));
    RETURNS(0, fchownat(dir, "f", 3, 4, 0));
    RETURNS(0, fstatat(dir, "f", &st, 0));
    CHECK(st.st_uid == 3 && st.st_gid == 4);

    /* O_PATH: a place, not an open file. */
    int path = OK(open("d/f", O_PATH));
    FAILS(EBADF, read(path, buffer, 1));
    FAILS(EBADF, fchmod(path, 0600));
    RETURNS(0, fstat(path, &st));
    RETURNS(2, st.st_size);
    CHECK(fcntl(path, F_GETFL) & O_PATH);
    int linkpath = OK(open("d/link", O_PATH | O_NOFOLLOW));
    RETURNS(0, fstat(linkpath, &st));
    CHECK(S_ISLNK(st.st_mode));
    RETURNS(1, readlinkat(linkpath, "", buffer, 8));
    int dirpath = OK(open("d", O_PATH));
    int inner = OK(openat(dirpath, "f", O_RDONLY));
    close(inner);

    /* openat2 confines the walk. */
    fd = OK(openat2(dir, "f", O_RDONLY, RESOLVE_BENEATH));
    FAILS(EXDEV, openat2(dir, "../d/f", O_RDONLY, RESOLVE_BENEATH));
    FAILS(EXDEV, openat2(dir, "/etc", O_RDONLY, RESOLVE_BENEATH));
    FAILS(EXDEV, openat2(dir, "root/etc", O_RDONLY, RESOLVE_BENEATH));
    FAILS(ELOOP, openat2(dir, "link", O_RDONLY, RESOLVE_NO_SYMLINKS));
    fd = OK(openat2(dir, "root/f", O_RDONLY, RESOLVE_IN_ROOT));
    fd = OK(openat2(dir, "../../../f", O_RDONLY, RESOLVE_IN_ROOT));
    FAILS(EINVAL, openat2(dir, "f", O_RDONLY, 0x1000));
    FAILS(EINVAL, openat2(dir, "f", 1ull << 40, 0));

    /* Odd shapes. */
    CHECK(strcmp(slurp("d//f"), "hi") == 0);
    CHECK(strcmp(slurp("./d/./f"), "hi") == 0);
    CHECK(strcmp(slurp("d/../d/f"), "hi") == 0);
    CHECK(strcmp(slurp("d/up/up/up/f"), "hi") == 0);
    FAILS(ENOTDIR, open("d/f/", O_RDONLY));
    FAILS(ENOTDIR, open("d/f/.", O_RDONLY));
    FAILS(ENOTDIR, open("d/f/..", O_RDONLY));
    static char longpath[5000];
    memset(longpath, '/', 4999);
    FAILS(ENAMETOOLONG, open(longpath, O_RDONLY));
    memset(longpath, '.', 4999);
    for (int i = 1; i < 4095; i += 2)
        longpath[i] = '/';
    longpath[4095] = 0;
    fd = OK(open(longpath, O_RDONLY)); /* 4095 characters still fit */
    close(fd);

    /* Forty symlinks in a row are the limit. */
    RETURNS(0, symlink("d/f", "chain0"));
    char from[32], to[32];
    for (int i = 1; i <= 40; i++) {
        snprintf(to, sizeof to, "chain%d", i - 1);
        snprintf(from, sizeof from, "chain%d", i);
        RETURNS(0, symlink(to, from));
    }
    fd = OK(open("chain39", O_RDONLY));
    FAILS(ELOOP, open("chain40", O_RDONLY));
    return done();
}
