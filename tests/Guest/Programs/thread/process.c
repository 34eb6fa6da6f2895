/* Threads and the process around them: exit, exec, signals, fork, pid and tid. */
#include "check.h"
#include <pthread.h>

static volatile int handled_by, ready;
static int ends[2];

static void handler(int signal)
{
    handled_by = syscall(SYS_gettid);
}

static void *pauser(void *argument)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (argument)
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    __atomic_store_n((int *)&ready, syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    for (;;)
        pause();
}

static void *exec_it(void *argument)
{
    char *arguments[] = { "x", "again", NULL };
    execv("/proc/self/exe", arguments);
    _exit(1);
}

static void *leave(void *argument)
{
    _exit(31);
}

static void *write_late(void *argument)
{
    sleep_ms(40);
    CHECK(write(ends[1], "late", 4) == 4);
    return NULL;
}

static int thread_count(void)
{
    const char *line = strstr(slurp("/proc/self/status"), "Threads:");
    return line ? atoi(line + 8) : -1;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int status;
    if (argc > 1) {
        CHECK(thread_count() == 1 && syscall(SYS_gettid) == getpid());
        return failures ? 1 : 55;
    }
    RETURNS(0, pipe(ends));
    RETURNS(getpid(), syscall(SYS_gettid));

    /* A signal for the process goes to a thread that does not block it; tgkill picks one. */
    struct sigaction action = { .sa_handler = handler };
    sigaction(SIGUSR1, &action, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, pauser, (void *)1);
    while (!ready)
        sleep_ms(1);
    RETURNS(2, thread_count());
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 1000 && !handled_by; i++)
        sleep_ms(1);
    RETURNS(ready, handled_by);
    handled_by = 0;
    RETURNS(0, syscall(SYS_tgkill, getpid(), ready, SIGUSR1));
    for (int i = 0; i < 1000 && !handled_by; i++)
        sleep_ms(1);
    RETURNS(ready, handled_by);
    FAILS(ESRCH, syscall(SYS_tgkill, getpid() + 5000, ready, 0));
    char name[64];
    snprintf(name, sizeof name, "/proc/self/task/%d/stat", ready);
    CHECK(atoi(slurp(name)) == ready);

    /* Only the calling thread is there after fork. */
    IN_CHILD(RETURNS(1, thread_count()));

    /* exit_group from any thread ends all. */
    pid_t child = fork();
    if (child == 0) {
        pthread_create(&thread, NULL, leave, NULL);
        for (;;)
            pause();
    }
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(31, WEXITSTATUS(status));

    /* exec from a thread that is not the first: it takes the pid, the others end. */
    child = fork();
    if (child == 0) {
        pthread_create(&thread, NULL, pauser, NULL);
        pthread_create(&thread, NULL, exec_it, NULL);
        for (;;)
            pause();
    }
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(55, WEXITSTATUS(status));

    /* The first thread may end before the others: the process lives on. */
    child = fork();
    if (child == 0) {
        pthread_create(&thread, NULL, write_late, NULL);
        syscall(SYS_exit, 0);
    }
    char buffer[8];
    RETURNS(0, waitpid(child, &status, WNOHANG));
    RETURNS(4, read(ends[0], buffer, 8));
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(0, status);

    /* A fatal signal ends every thread. */
    child = fork();
    if (child == 0) {
        for (int i = 0; i < 4; i++)
            pthread_create(&thread, NULL, pauser, NULL);
        sleep_ms(10);
        raise(SIGKILL);
    }
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(SIGKILL, WTERMSIG(status));

    /* Credentials are the thread's in the kernel, the process's in libc; the name is the thread's. */
    FILE *comm = fopen("/proc/self/task/self/comm", "r");
    CHECK(comm == NULL);
    RETURNS(0, pthread_setname_np(pthread_self(), "renamed"));
    CHECK(strcmp(slurp("/proc/self/comm"), "renamed\n") == 0);
    return done();
}
