/* vfork(2), posix_spawn(3), clone(2) with CLONE_VM. */
#include "check.h"
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>

static volatile int variable;

static int in_clone(void *argument)
{
    variable = *(int *)argument;
    return 9;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return atoi(argv[1]);
    int status;
    int64_t start = now_ms();
    pid_t child = vfork();
    if (child == 0) {
        variable = 5; /* seen by the parent: one memory */
        struct timespec time = { 0, 40000000 };
        syscall(SYS_nanosleep, &time, NULL);
        _exit(3);
    }
    CHECK(now_ms() - start >= 39); /* the parent stood still */
    RETURNS(5, variable);
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(3, WEXITSTATUS(status));

    char *arguments[] = { argv[0], "21", NULL };
    child = vfork();
    if (child == 0) {
        execv("/proc/self/exe", arguments);
        _exit(1);
    }
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(21, WEXITSTATUS(status));

    /* posix_spawn is clone(CLONE_VM | CLONE_VFORK). */
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "out", O_WRONLY | O_CREAT, 0644);
    RETURNS(0, posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ));
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(21, WEXITSTATUS(status));
    RETURNS(0, access("out", F_OK));
    RETURNS(ENOENT, posix_spawn(&child, "/nowhere", NULL, NULL, arguments, environ));
    FAILS(ECHILD, waitpid(-1, &status, 0));

    /* A process that shares memory and nothing else. */
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int value = 77;
    child = OK(clone(in_clone, stack + 65536, CLONE_VM | SIGCHLD, &value));
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WEXITSTATUS(status) == 9 && variable == 77);

    /* Another exit signal: only __WCLONE or __WALL see such a child. */
    child = OK(clone(in_clone, stack + 65536, 0, &value));
    FAILS(ECHILD, waitpid(child, &status, 0));
    RETURNS(child, waitpid(child, &status, __WALL));
    child = OK(clone(in_clone, stack + 65536, SIGUSR1 & 0, &value));
    RETURNS(child, waitpid(child, &status, __WCLONE));
    FAILS(EINVAL, syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
    FAILS(EINVAL, syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));
    return done();
}
