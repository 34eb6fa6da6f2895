/* uname(2), sysinfo(2), getrandom(2), sched_*(2), getcpu(2), sethostname(2), membarrier(2), rseq. */
#include "check.h"
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int main(void)
{
    struct utsname name;
    RETURNS(0, uname(&name));
    CHECK(strcmp(name.sysname, "Linux") == 0 && strcmp(name.machine, "x86_64") == 0);
    CHECK(atoi(name.release) >= 4 && name.version[0] == '#' && name.nodename[0] != 0);
    FAILS(EFAULT, uname((void *)8));
    char host[65];
    RETURNS(0, gethostname(host, sizeof host));
    CHECK(strcmp(host, name.nodename) == 0);

    struct sysinfo info;
    RETURNS(0, sysinfo(&info));
    CHECK(info.totalram > 0 && info.freeram <= info.totalram && info.procs > 0 && info.mem_unit > 0 && info.uptime >= 0);

    unsigned char random[64], zero[64] = { 0 };
    RETURNS(64, getrandom(random, 64, 0));
    CHECK(memcmp(random, zero, 64) != 0);
    RETURNS(64, getrandom(random, 64, GRND_NONBLOCK | GRND_RANDOM));
    FAILS(EINVAL, getrandom(random, 64, 0x100));
    FAILS(EFAULT, getrandom((void *)8, 64, 0));

    cpu_set_t set;
    RETURNS(0, sched_getaffinity(0, sizeof set, &set));
    int count = CPU_COUNT(&set);
    CHECK(count >= 1 && count <= get_nprocs());
    RETURNS(0, sched_setaffinity(0, sizeof set, &set));
    CPU_ZERO(&set);
    FAILS(EINVAL, sched_setaffinity(0, sizeof set, &set));
    FAILS(ESRCH, sched_getaffinity(99999, sizeof set, &set));
    unsigned cpu = 999, node;
    RETURNS(0, syscall(SYS_getcpu, &cpu, &node, NULL));
    CHECK(cpu < 4096);
    RETURNS(0, sched_yield());
    RETURNS(SCHED_OTHER, sched_getscheduler(0));
    RETURNS(99, sched_get_priority_max(SCHED_FIFO));
    RETURNS(0, sched_get_priority_min(SCHED_OTHER));
    FAILS(EINVAL, sched_get_priority_max(77));
    struct sched_param parameters = { 0 };
    RETURNS(0, sched_getparam(0, &parameters));
    RETURNS(0, sched_setscheduler(0, SCHED_BATCH, &parameters));
    RETURNS(SCHED_BATCH, sched_getscheduler(0));

    errno = 0;
    RETURNS(0, getpriority(PRIO_PROCESS, 0));
    RETURNS(0, setpriority(PRIO_PROCESS, 0, 5));
    RETURNS(5, getpriority(PRIO_PROCESS, 0));
    IN_CHILD(RETURNS(5, getpriority(PRIO_PROCESS, 0)));
    FAILS(EINVAL, setpriority(9, 0, 0));
    FAILS(ENOSYS, syscall(9999));
    FAILS(ENOSYS, syscall(-1));
    FAILS(ENOSYS, syscall(174)); /* create_module: long gone */
    return done();
}
