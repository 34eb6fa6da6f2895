/* futex(2): wait, wake, bitsets, requeue, wake-op, timeouts, errors; between processes. */
#include "check.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

static long futex(volatile int *word, int operation, int value, const void *timeout, volatile int *other, int last)
{
    return syscall(SYS_futex, word, operation, value, timeout, other, last);
}

static volatile int word, other_word, awake;

static void *waiter(void *argument)
{
    long result = futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    __atomic_fetch_add(&awake, result == 0, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *bit_waiter(void *argument)
{
    long result = futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (int)(intptr_t)argument);
    __atomic_fetch_add(&awake, result == 0, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Waits until the threads are asleep: wake-ups must count them. */
static long wake_all_of(int wanted, int (*wake)(void))
{
    long total = 0;
    for (int i = 0; i < 500 && total < wanted; i++) {
        sleep_ms(2);
        total += wake();
    }
    return total;
}

static int wake_one(void)
{
    return futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int wake_second_bit(void)
{
    RETURNS(0, futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 4));
    return futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 2);
}

static int wake_any_bit(void)
{
    return futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, -1);
}

static int move_all(void)
{
    return futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)10, &other_word, 0);
}

int main(void)
{
    pthread_t threads[4];
    struct timespec brief = { 0, 20000000 };
    FAILS(EAGAIN, futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
    int64_t start = now_ms();
    FAILS(ETIMEDOUT, futex(&word, FUTEX_WAIT, 0, &brief, NULL, 0));
    CHECK(now_ms() - start >= 19);
    RETURNS(0, futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    FAILS(EINVAL, futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0));
    FAILS(EFAULT, futex((int *)4096, FUTEX_WAIT, 0, NULL, NULL, 0));
    FAILS(ENOSYS, futex(&word, 99, 0, NULL, NULL, 0));
    FAILS(EINVAL, futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
    struct timespec bad = { 0, 1000000000 };
    FAILS(EINVAL, futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, waiter, NULL);
    RETURNS(4, wake_all_of(4, wake_one));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    RETURNS(4, awake);

    /* Bitsets select the waiters. */
    pthread_create(&threads[0], NULL, bit_waiter, (void *)1);
    pthread_create(&threads[1], NULL, bit_waiter, (void *)2);
    RETURNS(1, wake_all_of(1, wake_second_bit));
    pthread_join(threads[1], NULL);
    RETURNS(5, awake);
    RETURNS(0, futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 4));
    RETURNS(1, wake_all_of(1, wake_any_bit));
    pthread_join(threads[0], NULL);
    RETURNS(6, awake);

    /* Requeue: one wakes, the others move to the second word. */
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, waiter, NULL);
    FAILS(EAGAIN, futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)10, &other_word, 7));
    RETURNS(4, wake_all_of(4, move_all)); /* now they are asleep for certain */
    RETURNS(4, futex(&other_word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)10, &word, 0));
    RETURNS(0, futex(&other_word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
    RETURNS(3, futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    RETURNS(10, awake);

    /* FUTEX_WAKE_OP changes the second word. */
    other_word = 5;
    RETURNS(0, futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other_word, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)));
    RETURNS(8, other_word);

    /* An absolute timeout. */
    struct timespec until = { 0, 1 };
    FAILS(ETIMEDOUT, futex(&word, FUTEX_WAIT_BITSET, 0, &until, NULL, -1));

    /* Between processes: shared anonymous memory, and a file mapped twice at different addresses. */
    volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0)
        _exit(futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0) != 0);
    long woken = 0;
    for (int i = 0; i < 500 && woken == 0; i++) {
        sleep_ms(2);
        woken = futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    RETURNS(1, woken);
    CHILD_OK(child);
    int fd = OK(open("f", O_RDWR | O_CREAT, 0644));
    RETURNS(0, ftruncate(fd, 4096));
    volatile int *first = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    child = fork();
    if (child == 0) {
        volatile int *second = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        _exit(second == first || futex(second, FUTEX_WAIT, 0, NULL, NULL, 0) != 0);
    }
    woken = 0;
    for (int i = 0; i < 500 && woken == 0; i++) {
        sleep_ms(2);
        woken = futex(first, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    RETURNS(1, woken);
    CHILD_OK(child);
    return done();
}
