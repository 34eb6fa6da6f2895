/* seccomp(2) and threads: SECCOMP_FILTER_FLAG_TSYNC, filters of one thread only, deaths of one thread. */
#include "seccomp.h"
#include <pthread.h>
#include <sys/mman.h>

static pthread_barrier_t start, installed;
static volatile int other_tid;

static void *sibling(void *own_filter)
{
    other_tid = syscall(SYS_gettid);
    if (own_filter)
        RETURNS(0, install_for(SYS_times, SECCOMP_RET_ERRNO | ENOTTY, 0));
    pthread_barrier_wait(&start);
    pthread_barrier_wait(&installed);
    if (own_filter) {
        FAILS(ENOTTY, syscall(SYS_times, 0));
        CHECK(syscall(SYS_getppid) >= 0); /* Not synchronized. */
        return NULL;
    }
    FAILS(EDOM, syscall(SYS_getppid));
    FAILS(EDOM, syscall(SYS_sched_yield)); /* A call the kernel may not even see. */
    RETURNS(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    return NULL;
}

static void synchronized(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, sibling, NULL);
    pthread_barrier_wait(&start);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    RETURNS(0, install_for(SYS_getppid, SECCOMP_RET_ERRNO | EDOM, SECCOMP_FILTER_FLAG_TSYNC));
    RETURNS(0, install_for(SYS_sched_yield, SECCOMP_RET_ERRNO | EDOM, SECCOMP_FILTER_FLAG_TSYNC));
    pthread_barrier_wait(&installed);
    pthread_join(thread, NULL);
}

static void not_synchronized(void)
{
    pthread_t thread;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    pthread_create(&thread, NULL, sibling, (void *)1);
    pthread_barrier_wait(&start);
    RETURNS(other_tid, install_for(SYS_getppid, SECCOMP_RET_ERRNO | EDOM, SECCOMP_FILTER_FLAG_TSYNC));
    FAILS(ESRCH, install_for(SYS_getppid, SECCOMP_RET_ERRNO | EDOM, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH));
    CHECK(syscall(SYS_getppid) >= 0);
    pthread_barrier_wait(&installed);
    pthread_join(thread, NULL);
}

static void *free_thread(void *unused)
{
    pthread_barrier_wait(&start);
    pthread_barrier_wait(&installed);
    CHECK(syscall(SYS_getppid) >= 0);
    RETURNS(0, syscall(SYS_sched_yield));
    return NULL;
}

static void alone(void)
{
    pthread_t thread, child;
    pthread_create(&thread, NULL, free_thread, NULL);
    pthread_barrier_wait(&start);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    RETURNS(0, install_for(SYS_getppid, SECCOMP_RET_ERRNO | EDOM, 0));
    RETURNS(0, install_for(SYS_sched_yield, SECCOMP_RET_ERRNO | EDOM, 0));
    pthread_barrier_wait(&installed);
    pthread_join(thread, NULL);
    /* A thread made now has them. */
    pthread_create(&child, NULL, sibling, NULL);
    pthread_barrier_wait(&start);
    pthread_barrier_wait(&installed);
    pthread_join(child, NULL);
}

static void *doomed(void *unused)
{
    install_for(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0);
    syscall(SYS_getppid);
    complain(__FILE__, __LINE__, "the thread is dead", 0, 0);
    return NULL;
}

static void one_dies(void)
{
    pthread_t thread;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    pthread_create(&thread, NULL, doomed, NULL);
    pthread_join(thread, NULL);
    CHECK(syscall(SYS_getppid) >= 0);
}

int main(void)
{
    pthread_barrier_init(&start, NULL, 2);
    pthread_barrier_init(&installed, NULL, 2);
    IN_CHILD(synchronized());
    IN_CHILD(not_synchronized());
    IN_CHILD(alone());
    IN_CHILD(one_dies());
    return done();
}
