/* Whoever changes a file's bytes takes away what the file could do: set-ID bits and capabilities. */
#include "check.h"
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>

static const unsigned int capability[5] = { 0x02000001, 1 << 10, 0, 0, 0 };

static void write_to(int fd) { RETURNS(1, write(fd, "y", 1)); }
static void write_at(int fd) { RETURNS(1, pwrite(fd, "y", 1, 0)); }
static void truncate_it(int fd) { OK(ftruncate(fd, 2)); }
static void allocate(int fd) { if (fallocate(fd, 0, 0, 8192) != 0) CHECK(errno == EOPNOTSUPP); }
static void change_owner(int fd) { OK(fchown(fd, 0, 0)); }

static void send_to(int fd)
{
    int from = OK(open("/proc/self/exe", O_RDONLY));
    RETURNS(4, sendfile(fd, from, NULL, 4));
    close(from);
}

static void splice_to(int fd)
{
    int pipes[2];
    OK(pipe(pipes));
    RETURNS(4, write(pipes[1], "abcd", 4));
    RETURNS(4, splice(pipes[0], NULL, fd, NULL, 4, 0));
    close(pipes[0]);
    close(pipes[1]);
}

static void (*const changes[])(int) = {
    write_to, write_at, truncate_it, allocate, change_owner, send_to, splice_to,
};

static void one(const char *name, unsigned int change, int as_root)
{
    int allocated = changes[change] == allocate;
    struct stat state;
    const char *path = make_file(name, "text");
    int fd = OK(open(path, O_RDWR));
    OK(fchmod(fd, 06755));
    int has = setxattr(path, "security.capability", capability, sizeof capability, 0) == 0;
    if (as_root) {
        changes[change](fd);
    } else {
        OK(fchown(fd, 1000, 1000));
        OK(fchmod(fd, 06755));
        has = has && setxattr(path, "security.capability", capability, sizeof capability, 0) == 0;
        if (changes[change] != change_owner)
            IN_CHILD({ OK(setgid(1000)); OK(setuid(1000)); changes[change](fd); });
        else
            changes[change](fd);
    }
    OK(fstat(fd, &state));
    unsigned int kept = as_root && changes[change] != change_owner ? 06000 : 0;
    if (!allocated || (state.st_mode & 06000) != 06000) /* some filesystems cannot, or do not, for fallocate */
        CHECK((state.st_mode & 06000) == kept);
    if ((state.st_mode & 06000) != kept)
        printf("%s: change %u by %s: %o\n", path, change, as_root ? "root" : "its owner", state.st_mode);
    if (has && !allocated) {
        char value[64];
        FAILS(ENODATA, getxattr(path, "security.capability", value, sizeof value));
    }
    close(fd);
    unlink(path);
}

int main(void)
{
    for (unsigned int change = 0; change < sizeof changes / sizeof *changes; change++) {
        one("privileged", change, 1);
        one("privileged", change, 0);
    }
    return done();
}
