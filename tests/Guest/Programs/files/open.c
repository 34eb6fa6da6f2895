/* open(2): creation, exclusion, truncation, appending, directories, symlinks, names. */
#include "check.h"

int main(void)
{
    char buffer[64];
    FAILS(ENOENT, open("missing", O_RDONLY));
    int fd = OK(open("a", O_RDWR | O_CREAT | O_EXCL, 0600));
    FAILS(EEXIST, open("a", O_RDWR | O_CREAT | O_EXCL, 0600));
    RETURNS(5, write(fd, "hello", 5));
    RETURNS(0, lseek(fd, 0, SEEK_SET));
    RETURNS(5, read(fd, buffer, sizeof buffer));
    RETURNS(0, read(fd, buffer, sizeof buffer));
    RETURNS(0, close(fd));
    FAILS(EBADF, close(fd));

    /* Access modes are enforced by the description, not by the file. */
    fd = OK(open("a", O_RDONLY));
    FAILS(EBADF, write(fd, "x", 1));
    close(fd);
    fd = OK(open("a", O_WRONLY));
    FAILS(EBADF, read(fd, buffer, 1));
    close(fd);

    /* O_APPEND moves to the end before every write. */
    fd = OK(open("a", O_WRONLY | O_APPEND));
    RETURNS(0, lseek(fd, 0, SEEK_SET));
    RETURNS(1, write(fd, "!", 1));
    RETURNS(6, lseek(fd, 0, SEEK_CUR));
    close(fd);
    CHECK(strcmp(slurp("a"), "hello!") == 0);

    fd = OK(open("a", O_WRONLY | O_TRUNC));
    close(fd);
    struct stat st;
    RETURNS(0, stat("a", &st));
    RETURNS(0, st.st_size);

    RETURNS(0, mkdir("d", 0755));
    FAILS(EISDIR, open("d", O_WRONLY));
    FAILS(EISDIR, open("d", O_RDWR | O_CREAT, 0644));
    FAILS(ENOTDIR, open("a", O_RDONLY | O_DIRECTORY));
    FAILS(ENOTDIR, open("a/b", O_RDONLY));
    FAILS(ENOENT, open("d/x/y", O_RDONLY | O_CREAT, 0644));
    FAILS(ENOENT, open("", O_RDONLY));
    fd = OK(open("d", O_RDONLY | O_DIRECTORY));
    FAILS(EISDIR, read(fd, buffer, 1));
    close(fd);

    /* Symbolic links. */
    RETURNS(0, symlink("a", "link"));
    RETURNS(0, symlink("loop2", "loop1"));
    RETURNS(0, symlink("loop1", "loop2"));
    RETURNS(0, symlink("nowhere", "dangling"));
    FAILS(ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
    FAILS(ELOOP, open("loop1", O_RDONLY));
    FAILS(ENOENT, open("dangling", O_RDONLY));
    FAILS(EEXIST, open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644));
    fd = OK(open("dangling", O_WRONLY | O_CREAT, 0644)); /* creates the target */
    close(fd);
    RETURNS(0, access("nowhere", F_OK));

    char name[300];
    memset(name, 'x', sizeof name);
    name[256] = 0;
    FAILS(ENAMETOOLONG, open(name, O_RDONLY));
    name[255] = 0;
    fd = OK(open(name, O_RDWR | O_CREAT, 0644));
    close(fd);
    FAILS(EFAULT, open((char *)1, O_RDONLY));

    /* The lowest free number is taken. */
    int first = OK(open("a", O_RDONLY)), second = OK(open("a", O_RDONLY));
    RETURNS(first + 1, second);
    close(first);
    RETURNS(first, open("a", O_RDONLY));

    /* O_CLOEXEC and creat. */
    fd = OK(open("a", O_RDONLY | O_CLOEXEC));
    RETURNS(FD_CLOEXEC, fcntl(fd, F_GETFD));
    RETURNS(0, fcntl(second, F_GETFD));
    fd = OK(creat("created", 0640));
    RETURNS(O_WRONLY, fcntl(fd, F_GETFL) & O_ACCMODE);
    return done();
}
