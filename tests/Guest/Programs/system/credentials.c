/* User and group ids, capabilities, prctl(2), no_new_privs, securebits. */
#include "check.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static struct __user_cap_data_struct capabilities[2];

static int get_capabilities(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    return syscall(SYS_capget, &header, capabilities);
}

static int set_capabilities(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    return syscall(SYS_capset, &header, capabilities);
}

int main(void)
{
    uid_t real, effective, saved;
    RETURNS(0, getresuid(&real, &effective, &saved));
    CHECK(real == 0 && effective == 0 && saved == 0);
    RETURNS(0, get_capabilities());
    CHECK(capabilities[0].effective & 1 << CAP_SETUID);
    struct __user_cap_header_struct old = { 0x12345678, 0 };
    FAILS(EINVAL, syscall(SYS_capget, &old, capabilities));
    CHECK(old.version == _LINUX_CAPABILITY_VERSION_3);

    IN_CHILD({
        gid_t groups[] = { 5, 6, 7 };
        RETURNS(0, setgroups(3, groups));
        gid_t got[8];
        RETURNS(3, getgroups(8, got));
        RETURNS(3, getgroups(0, NULL));
        FAILS(EINVAL, getgroups(1, got));
        RETURNS(0, setresgid(10, 11, 12));
        RETURNS(0, setresuid(20, 21, 22));
        RETURNS(0, getresuid(&real, &effective, &saved));
        CHECK(real == 20 && effective == 21 && saved == 22);
        RETURNS(0, get_capabilities());
        RETURNS(0, capabilities[0].effective); /* gone with the last uid 0 */
        RETURNS(0, capabilities[0].permitted);
        RETURNS(0, setresuid(-1, 22, -1)); /* any of the three may be taken */
        RETURNS(22, geteuid());
        FAILS(EPERM, setresuid(0, -1, -1));
        FAILS(EPERM, setgroups(0, NULL));
        RETURNS(0, setreuid(22, 20));
        RETURNS(22, getuid());
        int fsuid = setfsuid(-1);
        RETURNS(20, fsuid);
    });
    IN_CHILD({
        RETURNS(0, seteuid(1000)); /* for a while */
        RETURNS(0, get_capabilities());
        CHECK(capabilities[0].effective == 0 && capabilities[0].permitted != 0);
        FAILS(EPERM, setgroups(0, NULL));
        RETURNS(0, seteuid(0));
        RETURNS(0, setgroups(0, NULL));
    });
    IN_CHILD({
        RETURNS(0, prctl(PR_SET_KEEPCAPS, 1));
        RETURNS(0, setresuid(1000, 1000, 1000));
        RETURNS(0, get_capabilities());
        CHECK(capabilities[0].effective == 0 && capabilities[0].permitted != 0);
        capabilities[0].effective = capabilities[0].permitted = capabilities[0].permitted & 1 << CAP_SETGID;
        capabilities[1].effective = capabilities[1].permitted = 0;
        RETURNS(0, set_capabilities());
        RETURNS(0, setgid(55));
        FAILS(EPERM, setuid(0));
        capabilities[0].permitted |= 1 << CAP_SETUID;
        FAILS(EPERM, set_capabilities());
    });
    IN_CHILD({
        RETURNS(1, prctl(PR_CAPBSET_READ, CAP_KILL));
        RETURNS(0, prctl(PR_CAPBSET_DROP, CAP_KILL));
        RETURNS(0, prctl(PR_CAPBSET_READ, CAP_KILL));
        FAILS(EINVAL, prctl(PR_CAPBSET_READ, 63));
    });

    RETURNS(0, prctl(PR_SET_NAME, "a very long name indeed"));
    char name[16];
    RETURNS(0, prctl(PR_GET_NAME, name));
    CHECK(strcmp(name, "a very long nam") == 0);
    CHECK(strcmp(slurp("/proc/self/comm"), "a very long nam\n") == 0);
    RETURNS(1, prctl(PR_GET_DUMPABLE));
    RETURNS(0, prctl(PR_SET_DUMPABLE, 0));
    RETURNS(0, prctl(PR_GET_DUMPABLE));
    int signal = -1;
    RETURNS(0, prctl(PR_SET_PDEATHSIG, SIGHUP));
    RETURNS(0, prctl(PR_GET_PDEATHSIG, &signal));
    RETURNS(SIGHUP, signal);
    FAILS(EINVAL, prctl(PR_SET_PDEATHSIG, 99));
    FAILS(EINVAL, prctl(12345));
    RETURNS(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RETURNS(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    IN_CHILD(RETURNS(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)));
    FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    return done();
}
