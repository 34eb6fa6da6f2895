/* Threads: creation, join, mutexes, condition variables, thread-local storage, many at once. */
#include "check.h"
#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter, turn;
static __thread int mine = 5;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;

static void *count(void *argument)
{
    CHECK(mine == 5);
    mine = (int)(intptr_t)argument;
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    pthread_barrier_wait(&barrier);
    CHECK(mine == (int)(intptr_t)argument);
    return (void *)(intptr_t)syscall(SYS_gettid);
}

static void *take_turns(void *argument)
{
    long number = (intptr_t)argument;
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 3 != number)
            pthread_cond_wait(&changed, &mutex);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *nothing(void *argument)
{
    sem_post(&semaphore);
    return argument;
}

int main(void)
{
    pthread_t threads[64];
    void *result;
    long tids[8];
    pthread_barrier_init(&barrier, NULL, 8);
    for (long i = 0; i < 8; i++)
        RETURNS(0, pthread_create(&threads[i], NULL, count, (void *)i));
    for (int i = 0; i < 8; i++) {
        RETURNS(0, pthread_join(threads[i], &result));
        tids[i] = (long)(intptr_t)result;
        CHECK(tids[i] != getpid());
        for (int j = 0; j < i; j++)
            CHECK(tids[j] != tids[i]);
    }
    RETURNS(160000, counter);
    RETURNS(5, mine);

    for (long i = 0; i < 3; i++)
        RETURNS(0, pthread_create(&threads[i], NULL, take_turns, (void *)i));
    for (int i = 0; i < 3; i++)
        RETURNS(0, pthread_join(threads[i], NULL));
    RETURNS(600, turn);

    /* Timed waits. */
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += 30000000;
    if (limit.tv_nsec >= 1000000000)
        limit.tv_sec++, limit.tv_nsec -= 1000000000;
    pthread_mutex_lock(&mutex);
    int64_t start = now_ms();
    RETURNS(ETIMEDOUT, pthread_cond_timedwait(&changed, &mutex, &limit));
    CHECK(now_ms() - start >= 28);
    pthread_mutex_unlock(&mutex);

    /* Many short ones, 64 at a time. */
    sem_init(&semaphore, 0, 0);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 64; i++)
            RETURNS(0, pthread_create(&threads[i], &attributes, nothing, NULL));
        for (int i = 0; i < 64; i++)
            RETURNS(0, pthread_join(threads[i], NULL));
    }
    for (int i = 0; i < 256; i++)
        RETURNS(0, sem_trywait(&semaphore));
    RETURNS(0, pthread_rwlock_wrlock(&rwlock));
    RETURNS(EBUSY, pthread_rwlock_tryrdlock(&rwlock));
    RETURNS(0, pthread_rwlock_unlock(&rwlock));
    return done();
}
