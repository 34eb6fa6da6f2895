/* mkdir(2), rmdir(2), getdents64(2), chdir(2), getcwd(2). */
#include "check.h"
#include <dirent.h>

int main(void)
{
    char buffer[4096];
    struct stat st;
    RETURNS(0, mkdir("d", 0750));
    RETURNS(0, stat("d", &st));
    CHECK(S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0750);
    FAILS(EEXIST, mkdir("d", 0755));
    FAILS(ENOENT, mkdir("x/y", 0755));
    make_file("f", "");
    FAILS(ENOTDIR, mkdir("f/x", 0755));
    RETURNS(0, mkdir("slash/", 0755));
    FAILS(EINVAL, rmdir("d/."));
    FAILS(ENOTDIR, rmdir("f"));
    FAILS(ENOENT, rmdir("missing"));
    RETURNS(0, mkdir("d/e", 0755));
    FAILS(ENOTEMPTY, rmdir("d"));
    FAILS(ENOTEMPTY, rmdir("d/e/.."));
    RETURNS(0, rmdir("d/e"));

    /* All names come exactly once, with . and .. */
    for (int i = 0; i < 200; i++) {
        snprintf(buffer, sizeof buffer, "d/file-%03d", i);
        make_file(buffer, "");
    }
    int seen[200] = { 0 }, dots = 0, others = 0;
    int fd = OK(open("d", O_RDONLY | O_DIRECTORY));
    for (;;) {
        long count = syscall(SYS_getdents64, fd, buffer, 512);
        CHECK(count >= 0);
        if (count <= 0)
            break;
        for (long at = 0; at < count;) {
            struct dirent64 *entry = (void *)(buffer + at);
            int number;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                dots++;
            else if (sscanf(entry->d_name, "file-%d", &number) == 1 && number >= 0 && number < 200)
                seen[number] += entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;
            else
                others++;
            CHECK(entry->d_ino != 0);
            at += entry->d_reclen;
        }
    }
    RETURNS(2, dots);
    RETURNS(0, others);
    for (int i = 0; i < 200; i++)
        RETURNS(1, seen[i]);
    RETURNS(0, lseek(fd, 0, SEEK_SET)); /* again from the start */
    CHECK(syscall(SYS_getdents64, fd, buffer, 512) > 0);
    FAILS(EINVAL, syscall(SYS_getdents64, fd, buffer, 4));
    int file = OK(open("f", O_RDONLY));
    FAILS(ENOTDIR, syscall(SYS_getdents64, file, buffer, 512));
    FAILS(ENOTEMPTY, rmdir("d"));

    /* Current directory. */
    char start[512], cwd[512];
    CHECK(getcwd(start, sizeof start) != NULL);
    RETURNS(0, chdir("slash"));
    CHECK(getcwd(cwd, sizeof cwd) != NULL);
    CHECK(strncmp(cwd, start, strlen(start)) == 0 && strcmp(cwd + strlen(cwd) - 6, "/slash") == 0);
    FAILS(ERANGE, syscall(SYS_getcwd, cwd, 1));
    RETURNS(0, fchdir(fd));
    RETURNS(0, access("file-007", F_OK));
    FAILS(ENOTDIR, fchdir(file));
    FAILS(ENOTDIR, chdir("file-007"));
    FAILS(ENOENT, chdir("missing"));
    RETURNS(0, chdir(".."));
    RETURNS(0, chdir("/"));
    RETURNS(0, chdir(".."));
    CHECK(getcwd(cwd, sizeof cwd) != NULL && strcmp(cwd, "/") == 0);

    /* A removed current directory. */
    RETURNS(0, chdir(start));
    RETURNS(0, chdir("slash"));
    RETURNS(0, rmdir("../slash"));
    FAILS(ENOENT, syscall(SYS_getcwd, cwd, sizeof cwd));
    FAILS(ENOENT, open("new", O_CREAT | O_WRONLY, 0644));
    RETURNS(0, chdir(".."));

    /* Link counts of directories. */
    RETURNS(0, mkdir("n", 0755));
    RETURNS(0, mkdir("n/1", 0755));
    RETURNS(0, mkdir("n/2", 0755));
    RETURNS(0, stat("n", &st));
    CHECK(st.st_nlink == 4 || st.st_nlink == 1);
    return done();
}
