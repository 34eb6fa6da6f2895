/* Robust mutexes, process-shared mutexes, and what happens when the owner dies. */
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>

static pthread_mutex_t *make_mutex(int robust)
{
    pthread_mutex_t *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (robust)
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &attributes);
    return mutex;
}

static void *lock_and_exit(void *argument)
{
    pthread_mutex_lock(argument);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    pthread_mutex_t *mutex = make_mutex(1);
    pthread_create(&thread, NULL, lock_and_exit, mutex);
    pthread_join(thread, NULL);
    RETURNS(EOWNERDEAD, pthread_mutex_lock(mutex));
    RETURNS(0, pthread_mutex_consistent(mutex));
    RETURNS(0, pthread_mutex_unlock(mutex));

    /* The owner is another process and is killed while someone waits. */
    int ends[2];
    RETURNS(0, pipe(ends));
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(mutex);
        if (write(ends[1], "x", 1) < 0)
            _exit(1);
        pause();
    }
    char byte;
    RETURNS(1, read(ends[0], &byte, 1));
    RETURNS(EBUSY, pthread_mutex_trylock(mutex));
    pid_t killer = fork();
    if (killer == 0) {
        sleep_ms(30);
        _exit(kill(child, SIGKILL) != 0);
    }
    RETURNS(EOWNERDEAD, pthread_mutex_lock(mutex));
    RETURNS(0, pthread_mutex_unlock(mutex)); /* without making it consistent */
    RETURNS(ENOTRECOVERABLE, pthread_mutex_lock(mutex));
    CHILD_OK(killer);
    waitpid(child, NULL, 0);

    /* The list itself. */
    void *head = NULL;
    size_t length = 0;
    RETURNS(0, syscall(SYS_get_robust_list, 0, &head, &length));
    CHECK(head != NULL && length == 24);
    FAILS(EINVAL, syscall(SYS_set_robust_list, head, 23));

    /* Contention between processes. */
    mutex = make_mutex(0);
    volatile long *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            for (int j = 0; j < 3000; j++) {
                pthread_mutex_lock(mutex);
                ++*counter;
                pthread_mutex_unlock(mutex);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        OK(wait(NULL));
    RETURNS(12000, *counter);
    return done();
}
