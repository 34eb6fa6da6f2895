/* File capabilities that the root of a user namespace gives are worth nothing outside of it. */
#include "check.h"
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

enum { WHO = 1000, BIND = 10 };
static const unsigned int capability[5] = { 0x02000001, 1 << BIND, 0, 0, 0 };

static void put(const char *path, const char *text)
{
    int fd = OK(open(path, O_WRONLY));
    RETURNS((ssize_t)strlen(text), write(fd, text, strlen(text)));
    close(fd);
}

static void become(void)
{
    OK(setgid(WHO));
    OK(setuid(WHO));
    OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); /* or the maps are root's to write */
}

static void enter_namespace(void)
{
    become();
    RETURNS(0, unshare(CLONE_NEWUSER));
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", "0 1000 1");
    put("/proc/self/gid_map", "0 1000 1");
}

/* Executed by an ordinary user: it has nothing, whatever the attribute says. */
static int show(void)
{
    struct { unsigned int version; int pid; } header = { 0x20080522, 0 };
    struct { unsigned int effective, permitted, inheritable; } data[2];
    OK(syscall(SYS_capget, &header, data));
    CHECK(data[0].effective == 0 && data[0].permitted == 0);
    return failures != 0;
}

int main(int count, char **arguments)
{
    if (count > 1)
        return show();
    unsigned int value[6] = { 0 };
    const char *path = make_file("capable", "");
    int from = OK(open("/proc/self/exe", O_RDONLY)), to = OK(open(path, O_WRONLY));
    char block[65536];
    for (ssize_t bytes; (bytes = read(from, block, sizeof block)) > 0;)
        RETURNS(bytes, write(to, block, bytes));
    close(from);
    OK(fchmod(to, 0755));
    OK(fchown(to, WHO, WHO));
    close(to);

    IN_CHILD({
        enter_namespace();
        OK(setxattr(path, "security.capability", capability, sizeof capability, 0));
        RETURNS(20, getxattr(path, "security.capability", value, sizeof value));
        CHECK(value[0] == 0x02000001 && value[1] == 1 << BIND);
        FAILS(EINVAL, setxattr(path, "security.capability", capability, 19, 0));
    });
    RETURNS(24, getxattr(path, "security.capability", value, sizeof value));
    CHECK(value[0] == 0x03000001 && value[1] == 1 << BIND && value[5] == WHO);
    IN_CHILD({
        become();
        execl(path, path, "show", NULL);
        CHECK(0);
    });

    /* Root's are worth something everywhere. */
    OK(setxattr(path, "security.capability", capability, sizeof capability, 0));
    RETURNS(20, getxattr(path, "security.capability", value, sizeof value));
    unlink(path);
    return done();
}
