/* /proc/PID/ns and setns(2). */
#include "check.h"
#include <sched.h>
#include <sys/ioctl.h>

#ifndef NS_GET_NSTYPE
#define NS_GET_USERNS 0xb701
#define NS_GET_PARENT 0xb702
#define NS_GET_NSTYPE 0xb703
#endif

static ino_t number_of(const char *path)
{
    struct stat stat_;
    return stat(path, &stat_) == 0 ? stat_.st_ino : 0;
}

static void check_identity(void)
{
    char text[64], expected[64];
    const char *names[] = { "ipc", "mnt", "net", "pid", "user", "uts" };
    for (unsigned at = 0; at < sizeof names / sizeof *names; at++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[at]);
        ssize_t length = OK(readlink(path, text, sizeof text - 1));
        text[length > 0 ? length : 0] = 0;
        struct stat one, two;
        RETURNS(0, stat(path, &one));
        snprintf(expected, sizeof expected, "%s:[%lu]", names[at], (unsigned long)one.st_ino);
        CHECK(strcmp(text, expected) == 0);
        int fd = OK(open(path, O_RDONLY));
        RETURNS(0, fstat(fd, &two));
        CHECK(one.st_dev == two.st_dev && one.st_ino == two.st_ino);
        close(fd);
    }
    FAILS(ENOENT, open("/proc/self/ns/nothing", O_RDONLY));
}

static void check_refusals(void)
{
    FAILS(EBADF, setns(-1, 0));
    int file = OK(open("/proc/self/status", O_RDONLY));
    FAILS(EINVAL, setns(file, 0));
    int uts = OK(open("/proc/self/ns/uts", O_RDONLY));
    FAILS(EINVAL, setns(uts, CLONE_NEWNET));
    int user = OK(open("/proc/self/ns/user", O_RDONLY));
    FAILS(EINVAL, setns(user, 0)); /* One's own. */
    RETURNS(CLONE_NEWUTS, ioctl(uts, NS_GET_NSTYPE));
    RETURNS(CLONE_NEWUSER, ioctl(user, NS_GET_NSTYPE));
    IN_CHILD({
        OK(setresgid(1000, 1000, 1000));
        OK(setresuid(1000, 1000, 1000));
        FAILS(EPERM, setns(uts, 0));
    });
}

/* A child changes its host name; the parent goes there and comes back. */
static void check_uts(void)
{
    char name[65], mine[65];
    int ready[2], finish[2];
    gethostname(mine, sizeof mine);
    RETURNS(0, pipe(ready));
    RETURNS(0, pipe(finish));
    pid_t child = fork();
    if (child == 0) {
        char byte = 0;
        close(finish[1]);
        RETURNS(0, unshare(CLONE_NEWUTS));
        RETURNS(0, sethostname("elsewhere", 9));
        RETURNS(1, write(ready[1], "", 1));
        read(finish[0], &byte, 1);
        _exit(failures != 0);
    }
    char byte, path[64];
    RETURNS(1, read(ready[0], &byte, 1));
    int own = OK(open("/proc/self/ns/uts", O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/ns/uts", child);
    CHECK(number_of(path) != number_of("/proc/self/ns/uts"));
    int other = OK(open(path, O_RDONLY));
    RETURNS(0, setns(other, CLONE_NEWUTS));
    CHECK(number_of(path) == number_of("/proc/self/ns/uts"));
    gethostname(name, sizeof name);
    CHECK(strcmp(name, "elsewhere") == 0);
    RETURNS(0, setns(own, 0));
    gethostname(name, sizeof name);
    CHECK(strcmp(name, mine) == 0);
    int pidfd = OK(syscall(SYS_pidfd_open, child, 0));
    FAILS(EINVAL, setns(pidfd, 0));
    IN_CHILD({
        RETURNS(0, setns(pidfd, CLONE_NEWUTS | CLONE_NEWIPC));
        gethostname(name, sizeof name);
        CHECK(strcmp(name, "elsewhere") == 0);
    });
    close(finish[1]);
    CHILD_OK(child);
}

/* Back into a mount namespace: at its root. */
static void check_mounts(void)
{
    int old = OK(open("/proc/self/ns/mnt", O_RDONLY));
    ino_t before = number_of("/proc/self/ns/mnt");
    IN_CHILD({
        RETURNS(0, unshare(CLONE_NEWNS));
        CHECK(number_of("/proc/self/ns/mnt") != before);
        RETURNS(0, setns(old, CLONE_NEWNS));
        CHECK(number_of("/proc/self/ns/mnt") == before);
        char place[64];
        CHECK(getcwd(place, sizeof place) && strcmp(place, "/") == 0);
    });
}

/* Children are made in the namespace of a pid namespace's file; one's own pid stays. */
static void check_pids(void)
{
    IN_CHILD({
        pid_t own = getpid();
        int old = OK(open("/proc/self/ns/pid", O_RDONLY));
        RETURNS(0, unshare(CLONE_NEWPID));
        IN_CHILD(RETURNS(1, getpid()));
        RETURNS(own, getpid());
        RETURNS(0, setns(old, CLONE_NEWPID));
        pid_t child = fork();
        if (child == 0)
            _exit(getpid() == 1);
        CHILD_OK(child);
    });
}

int main(void)
{
    check_identity();
    if (geteuid() != 0)
        return done();
    check_refusals();
    check_uts();
    check_mounts();
    check_pids();
    return done();
}
