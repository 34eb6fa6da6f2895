/* rename(2), renameat2(2). */
#include "check.h"

static int rename2(const char *from, const char *to, unsigned flags)
{
    return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

int main(void)
{
    make_file("a", "aaa");
    make_file("b", "bb");
    struct stat before, after;
    RETURNS(0, stat("a", &before));
    RETURNS(0, rename("a", "c"));
    FAILS(ENOENT, stat("a", &after));
    RETURNS(0, stat("c", &after));
    CHECK(before.st_ino == after.st_ino);

    RETURNS(0, rename("c", "b")); /* replaces */
    CHECK(strcmp(slurp("b"), "aaa") == 0);
    FAILS(ENOENT, rename("c", "d"));
    RETURNS(0, rename("b", "b"));

    RETURNS(0, mkdir("d1", 0755));
    RETURNS(0, mkdir("d2", 0755));
    make_file("d1/x", "x");
    FAILS(ENOTDIR, rename("d1", "b"));
    FAILS(EISDIR, rename("b", "d1"));
    RETURNS(0, rename("d1", "d2")); /* onto an empty directory */
    CHECK(strcmp(slurp("d2/x"), "x") == 0);
    RETURNS(0, mkdir("d1", 0755));
    int error = rename("d1", "d2") == 0 ? 0 : errno;
    CHECK(error == ENOTEMPTY || error == EEXIST);
    FAILS(EINVAL, rename("d2", "d2/inside"));
    RETURNS(0, mkdir("d2/sub", 0755));
    FAILS(EINVAL, rename("d2", "d2/sub/deeper"));
    FAILS(EBUSY, rename("d2/.", "d3"));

    /* Across directories, and a directory's .. follows. */
    RETURNS(0, rename("d2/sub", "d1/sub"));
    RETURNS(0, stat("d1/sub/..", &before));
    RETURNS(0, stat("d1", &after));
    CHECK(before.st_ino == after.st_ino);
    RETURNS(0, rename("d2/x", "d1/sub/y"));
    CHECK(strcmp(slurp("d1/sub/y"), "x") == 0);

    /* RENAME_NOREPLACE 1, RENAME_EXCHANGE 2. */
    make_file("p", "P");
    make_file("q", "Q");
    FAILS(EEXIST, rename2("p", "q", 1));
    RETURNS(0, rename2("p", "q", 2));
    CHECK(strcmp(slurp("p"), "Q") == 0);
    FAILS(ENOENT, rename2("p", "missing", 2));
    FAILS(EINVAL, rename2("p", "q", 3));
    RETURNS(0, rename2("p", "r", 1));

    /* A symlink is moved itself. */
    RETURNS(0, symlink("nowhere", "s"));
    RETURNS(0, rename("s", "t"));
    char target[32];
    RETURNS(7, readlink("t", target, sizeof target));

    /* Two names of one file: nothing happens, both stay. */
    RETURNS(0, link("q", "hard"));
    RETURNS(0, rename("q", "hard"));
    RETURNS(0, access("q", F_OK));

    /* An open file follows its new name and survives replacement. */
    int fd = OK(open("q", O_RDONLY));
    make_file("new", "new");
    RETURNS(0, rename("new", "q"));
    char buffer[4];
    RETURNS(1, read(fd, buffer, 4));
    CHECK(buffer[0] == 'P');
    return done();
}
