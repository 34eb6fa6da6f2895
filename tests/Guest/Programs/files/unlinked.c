/* A file without a name lives as long as something holds it: O_PATH, a bind mount, a descriptor opened again. */
#include "check.h"
#include <sched.h>
#include <sys/mount.h>

static const char *through(int fd)
{
    static char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return name;
}

static int holds(int fd, const char *text)
{
    char bytes[16] = "";
    ssize_t length = pread(fd, bytes, sizeof bytes - 1, 0);
    return length == (ssize_t)strlen(text) && strcmp(bytes, text) == 0;
}

static void by_path(void)
{
    make_file("held", "data");
    int path = OK(open("held", O_PATH));
    OK(unlink("held"));
    int fd = OK(open(through(path), O_RDWR));
    CHECK(holds(fd, "data"));
    RETURNS(4, pwrite(fd, "new!", 4, 0));
    close(fd);
    fd = OK(open(through(path), O_RDONLY));
    CHECK(holds(fd, "new!"));
    close(fd);
    close(path);

    make_file("held", "data");
    path = OK(open("held", O_PATH));
    make_file("other", "other");
    OK(rename("other", "held"));
    fd = OK(open(through(path), O_RDONLY));
    CHECK(holds(fd, "data"));
    close(fd);
    close(path);
    OK(unlink("held"));
}

static void by_mount(void)
{
    make_file("source", "data");
    make_file("place", "");
    if (unshare(CLONE_NEWNS) != 0)
        return;
    OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    OK(mount("source", "place", NULL, MS_BIND, NULL));
    OK(unlink("source"));
    CHECK(strcmp(slurp("place"), "data") == 0);
    OK(umount("place"));
    OK(unlink("place"));
}

static void links(void)
{
    make_file("gone", "data");
    int fd = OK(open("gone", O_RDONLY));
    OK(link("gone", "second"));
    OK(unlink("gone"));
    OK(linkat(AT_FDCWD, through(fd), AT_FDCWD, "third", AT_SYMLINK_FOLLOW));
    OK(unlink("second"));
    OK(unlink("third"));
    FAILS(ENOENT, linkat(AT_FDCWD, through(fd), AT_FDCWD, "fourth", AT_SYMLINK_FOLLOW));
    close(fd);
    fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0)
        return;
    RETURNS(4, write(fd, "tmp!", 4));
    OK(linkat(AT_FDCWD, through(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    CHECK(strcmp(slurp("named"), "tmp!") == 0);
    OK(unlink("named"));
    close(fd);
    fd = OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    FAILS(ENOENT, linkat(AT_FDCWD, through(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    close(fd);
}

static void busy(void)
{
    int from = OK(open("/proc/self/exe", O_RDONLY)), to = OK(open("program", O_WRONLY | O_CREAT, 0755));
    char bytes[65536];
    for (ssize_t count; (count = read(from, bytes, sizeof bytes)) > 0;)
        RETURNS(count, write(to, bytes, count));
    close(from);
    pid_t child = fork();
    if (child == 0) {
        execl("./program", "program", "nothing", NULL);
        _exit(errno == ETXTBSY ? 0 : 1);
    }
    CHILD_OK(child);
    close(to);
    child = fork();
    if (child == 0) {
        execl("./program", "program", "nothing", NULL);
        _exit(1);
    }
    CHILD_OK(child);
    unlink("program");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return 0;
    by_path();
    by_mount();
    links();
    busy();
    char byte;
    int directory = OK(open(".", O_RDONLY));
    FAILS(EISDIR, pread(directory, &byte, 1, 0));
    FAILS(EBADF, pwrite(directory, "x", 1, 0));
    close(directory);
    return done();
}
