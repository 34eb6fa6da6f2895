/* link(2), unlink(2), symlink(2), readlink(2). */
#include "check.h"

int main(void)
{
    char buffer[64];
    struct stat st, other;
    make_file("a", "text");
    RETURNS(0, link("a", "b"));
    RETURNS(0, stat("a", &st));
    RETURNS(2, st.st_nlink);
    RETURNS(0, stat("b", &other));
    CHECK(st.st_ino == other.st_ino && st.st_dev == other.st_dev);
    FAILS(EEXIST, link("a", "b"));
    FAILS(ENOENT, link("missing", "c"));
    RETURNS(0, mkdir("d", 0755));
    FAILS(EPERM, link("d", "dlink"));
    RETURNS(0, unlink("a"));
    RETURNS(0, stat("b", &st));
    RETURNS(1, st.st_nlink);
    CHECK(strcmp(slurp("b"), "text") == 0);
    FAILS(ENOENT, unlink("a"));
    FAILS(EISDIR, unlink("d"));
    FAILS(ENOTDIR, unlink("b/x"));

    /* An unlinked open file lives on. */
    int fd = OK(open("b", O_RDWR));
    RETURNS(0, unlink("b"));
    RETURNS(0, fstat(fd, &st));
    RETURNS(0, st.st_nlink);
    RETURNS(4, pread(fd, buffer, 10, 0));
    RETURNS(4, pwrite(fd, "more", 4, 4));
    RETURNS(8, pread(fd, buffer, 10, 0));
    CHECK(memcmp(buffer, "textmore", 8) == 0);
    close(fd);

    RETURNS(0, symlink("target", "s"));
    FAILS(EEXIST, symlink("target", "s"));
    FAILS(ENOENT, symlink("", "empty"));
    RETURNS(6, readlink("s", buffer, sizeof buffer));
    CHECK(memcmp(buffer, "target", 6) == 0);
    RETURNS(3, readlink("s", buffer, 3)); /* truncated silently */
    FAILS(EINVAL, readlink("s", buffer, 0));
    FAILS(EINVAL, readlink("d", buffer, sizeof buffer));
    RETURNS(0, lstat("s", &st));
    CHECK(S_ISLNK(st.st_mode) && st.st_size == 6);
    FAILS(ENOENT, stat("s", &st));
    make_file("target", "t");
    RETURNS(0, stat("s", &st));
    CHECK(S_ISREG(st.st_mode));
    RETURNS(0, unlink("s"));
    RETURNS(0, access("target", F_OK));

    /* linkat: a symlink is linked itself unless told to follow. */
    RETURNS(0, symlink("target", "s"));
    RETURNS(0, linkat(AT_FDCWD, "s", AT_FDCWD, "s2", 0));
    RETURNS(0, lstat("s2", &st));
    CHECK(S_ISLNK(st.st_mode));
    RETURNS(0, linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
    RETURNS(0, lstat("s3", &st));
    CHECK(S_ISREG(st.st_mode));

    /* Symlinks in the middle of a path, relative and absolute. */
    make_file("d/inside", "in");
    RETURNS(0, symlink("d", "dlink"));
    CHECK(strcmp(slurp("dlink/inside"), "in") == 0);
    CHECK(strcmp(slurp("dlink/../dlink/./inside"), "in") == 0);
    RETURNS(0, symlink("../d/inside", "d/up"));
    CHECK(strcmp(slurp("d/up"), "in") == 0);
    FAILS(ENOTDIR, rmdir("dlink"));
    FAILS(ENOTDIR, unlink("dlink/"));
    return done();
}
