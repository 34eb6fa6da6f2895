/* Mutexes that are more than a word: priority inheritance, robust, shared between processes; barriers and condition storms. */
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>

enum { THREADS = 6, ROUNDS = 2000 };

static pthread_mutex_t inheriting, plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long counter, turn;

static void *count(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&inheriting);
        long seen = counter;
        if (i % 64 == 0)
            sched_yield();
        counter = seen + 1;
        pthread_mutex_unlock(&inheriting);
    }
    return NULL;
}

/* Every thread waits for its turn: each hand-over is a broadcast. */
static void *take_turns(void *argument)
{
    long mine = (long)argument;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&plain);
        while (turn % THREADS != mine)
            pthread_cond_wait(&changed, &plain);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&plain);
    }
    return NULL;
}

static void *die_with_lock(void *argument)
{
    pthread_mutex_lock(argument);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    RETURNS(0, pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
    RETURNS(0, pthread_mutex_init(&inheriting, &attributes));
    for (int i = 0; i < THREADS; i++)
        RETURNS(0, pthread_create(&threads[i], NULL, count, NULL));
    for (int i = 0; i < THREADS; i++)
        RETURNS(0, pthread_join(threads[i], NULL));
    RETURNS(THREADS * ROUNDS, counter);

    /* Time-outs of a lock that somebody holds. */
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 30000000;
    if (until.tv_nsec >= 1000000000)
        until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_mutex_lock(&inheriting);
    pthread_t late;
    RETURNS(ETIMEDOUT, pthread_mutex_timedlock(&inheriting, &until));
    pthread_mutex_unlock(&inheriting);

    /* A robust mutex that inherits priority, held by a thread that ends. */
    pthread_mutex_t robust;
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    RETURNS(0, pthread_mutex_init(&robust, &attributes));
    RETURNS(0, pthread_create(&late, NULL, die_with_lock, &robust));
    RETURNS(0, pthread_join(late, NULL));
    RETURNS(EOWNERDEAD, pthread_mutex_lock(&robust));
    RETURNS(0, pthread_mutex_consistent(&robust));
    RETURNS(0, pthread_mutex_unlock(&robust));

    /* The same between processes, in shared memory, the owner killed while the other waits. */
    pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t pshared;
    pthread_mutexattr_init(&pshared);
    pthread_mutexattr_setpshared(&pshared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&pshared, PTHREAD_MUTEX_ROBUST);
    RETURNS(0, pthread_mutex_init(shared, &pshared));
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(shared);
        for (;;)
            pause();
    }
    while (pthread_mutex_trylock(shared) == 0) {
        pthread_mutex_unlock(shared);
        sleep_ms(1);
    }
    pid_t killer = fork();
    if (killer == 0) {
        sleep_ms(30);
        kill(child, SIGKILL);
        _exit(0);
    }
    RETURNS(EOWNERDEAD, pthread_mutex_lock(shared));
    RETURNS(child, waitpid(child, NULL, 0));
    CHILD_OK(killer);

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        RETURNS(0, pthread_create(&threads[i], NULL, take_turns, (void *)i));
    for (int i = 0; i < THREADS; i++)
        RETURNS(0, pthread_join(threads[i], NULL));
    RETURNS(THREADS * 100, turn);
    return done();
}
