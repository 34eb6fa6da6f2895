// Calls with fixed seeds and arguments that hurt. argv: first seed, number of seeds, calls a seed, uid.
#include "hostile.h"

static uint64_t state;
static char *arena;

static uint64_t next(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static uint64_t value(void)
{
    static const uint64_t odd[] = {
        0, 1, 2, 7, 8, 63, 64, 255, 256, 4095, 4096, 4097, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
        0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff, 0xfffffffffffffffe, WINDOW_CODE,
        WINDOW_SLOTS, 0x7ffffffff000, 0x800000000000, 0xffffffffff600000, 0x1000, AT_FDCWD,
    };
    switch (next() % 10) {
    case 0: case 1: return odd[next() % (sizeof odd / sizeof *odd)];
    case 2: return next() % 40; // descriptors
    case 3: return 1UL << (next() % 64);
    case 4: return (1UL << (next() % 32)) | (1UL << (next() % 32));
    case 5: return next();
    case 6: return (uint64_t)arena + (next() % 60000); // may run over the end
    case 7: return (uint64_t)arena + 65536 - (next() % 64);
    default: return (uint64_t)arena + (next() % 256) * 64;
    }
}

static void fill(void)
{
    static const char *names[] = { "/", ".", "..", "/tmp/f", "/proc/self/mem", "/proc/self/fd/3", "/dev/zero", "/dev/null",
        "/proc/1/root", "/proc/self/exe", "/dev/ptmx", "/sys", "/tmp/l", "a", "", "/proc/self/maps", "/proc/sys/kernel/pid_max" };
    for (int i = 0; i < 65536; i += 8)
        *(uint64_t *)(arena + i) = next() % 3 ? value() : next() % 16;
    for (int i = 0; i < 128; i++)
        strcpy(arena + (next() % 255) * 64, names[next() % (sizeof names / sizeof *names)]);
}

static int is_left_out(int number, int is_root)
{
    switch (number) {
    case SYS_exit: case SYS_exit_group: case SYS_pause: case SYS_rt_sigreturn: case SYS_vfork: case SYS_reboot:
        return 1;
    case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo:
    case SYS_pidfd_send_signal:
        return is_root; // Would end the parent that counts; as nobody it may.
    default:
        return 0;
    }
}

struct plan { uint64_t seed; int calls; uid_t user; };

static void run(void *argument)
{
    struct plan *plan = argument;
    state = plan->seed * 0x9E3779B97F4A7C15UL + 0x1234567;
    struct rlimit memory = { 256 << 20, 256 << 20 }, files = { 256, 256 }, tasks = { 40, 40 }, size = { 1 << 20, 1 << 20 };
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_FSIZE, &size);
    arena = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (plan->user) {
        setrlimit(RLIMIT_NPROC, &tasks);
        setresgid(plan->user, plan->user, plan->user);
        setresuid(plan->user, plan->user, plan->user);
    }
    struct itimerval tick = { { 0, 20000 }, { 0, 20000 } };
    signal(SIGALRM, (void (*)(int))getpid); // Ends calls that wait.
    siginterrupt(SIGALRM, 1);
    for (int i = 0; i < plan->calls; i++) {
        if (i % 16 == 0) {
            fill();
            setitimer(ITIMER_REAL, &tick, 0);
        }
        int number = next() % 463;
        if (number > 334 && number < 424)
            number = next() % 335;
        if (!is_left_out(number, plan->user == 0))
            syscall(number, value(), value(), value(), value(), value(), value());
    }
}

int main(int argc, char **argv)
{
    struct plan plan = { atoi(argv[1]), atoi(argv[3]), atoi(argv[4]) };
    for (int end = plan.seed + atoi(argv[2]); (int)plan.seed < end; plan.seed++)
        attempt(run, &plan, 4000);
    return finish();
}
