/* System V semaphores: all or nothing, waiting, undo, removal. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/sem.h>

static int value(int id, int number)
{
    return semctl(id, number, GETVAL);
}

static int operate(int id, int number, int change, int flags)
{
    struct sembuf operation = { number, change, flags };
    return semop(id, &operation, 1);
}

/* Waits until somebody waits. */
static void await(int id, int command)
{
    for (int i = 0; i < 3000 && semctl(id, 0, command) == 0; i++)
        sleep_ms(10);
    RETURNS(1, semctl(id, 0, command));
}

static void values(void)
{
    int id = OK(semget(IPC_PRIVATE, 3, IPC_CREAT | 0600));
    FAILS(EINVAL, semget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    FAILS(EINVAL, semget(IPC_PRIVATE, 100000, IPC_CREAT | 0600));
    unsigned short all[3] = { 5, 0, 7 };
    OK(semctl(id, 0, SETALL, all));
    RETURNS(5, value(id, 0));
    RETURNS(7, value(id, 2));
    FAILS(EINVAL, value(id, 3));
    FAILS(ERANGE, semctl(id, 0, SETVAL, 40000));
    FAILS(ERANGE, semctl(id, 0, SETVAL, -1));

    /* Both or none. */
    struct sembuf two[2] = { { 0, -2, 0 }, { 1, -1, IPC_NOWAIT } };
    FAILS(EAGAIN, semop(id, two, 2));
    RETURNS(5, value(id, 0));
    two[1].sem_op = 4;
    OK(semop(id, two, 2));
    RETURNS(3, value(id, 0));
    RETURNS(4, value(id, 1));
    RETURNS(getpid(), semctl(id, 1, GETPID));
    FAILS(ERANGE, operate(id, 0, 32767, 0));
    FAILS(EAGAIN, operate(id, 0, 0, IPC_NOWAIT)); /* not zero */
    FAILS(EFBIG, operate(id, 3, 1, 0));
    FAILS(EINVAL, semop(id, two, 0));
    FAILS(E2BIG, semop(id, two, 501));
    FAILS(EFAULT, semop(id, NULL, 1));
    OK(semctl(id, 0, GETALL, all));
    CHECK(all[0] == 3 && all[1] == 4 && all[2] == 7);

    struct semid_ds state;
    OK(semctl(id, 0, IPC_STAT, &state));
    CHECK(state.sem_nsems == 3 && state.sem_otime != 0 && (state.sem_perm.mode & 0777) == 0600);
    OK(semctl(id, 0, IPC_RMID));
    CHECK(operate(id, 0, 1, 0) == -1 && (errno == EINVAL || errno == EIDRM));
}

static void waiting(void)
{
    int id = OK(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
    pid_t child = fork();
    if (child == 0)
        _exit(operate(id, 0, -2, 0) != 0);
    await(id, GETNCNT);
    OK(operate(id, 0, 1, 0)); /* not enough */
    RETURNS(1, value(id, 0));
    OK(operate(id, 0, 1, 0));
    CHILD_OK(child);
    RETURNS(0, value(id, 0));
    RETURNS(0, semctl(id, 0, GETNCNT));

    OK(semctl(id, 0, SETVAL, 1));
    child = fork();
    if (child == 0)
        _exit(operate(id, 0, 0, 0) != 0);
    await(id, GETZCNT);
    OK(operate(id, 0, -1, 0));
    CHILD_OK(child);

    /* A time-out, a signal, a removal. */
    struct sembuf take = { 0, -1, 0 };
    struct timespec soon = { 0, 20000000 };
    FAILS(EAGAIN, semtimedop(id, &take, 1, &soon));
    RETURNS(0, semctl(id, 0, GETNCNT));
    child = fork();
    if (child == 0) {
        signal(SIGUSR1, SIG_IGN);
        _exit(operate(id, 0, -1, 0) == -1 && errno == EIDRM ? 0 : 1);
    }
    await(id, GETNCNT);
    kill(child, SIGUSR1); /* ignored: nothing happens */
    OK(semctl(id, 0, IPC_RMID));
    CHILD_OK(child);
}

static void nothing(int signal)
{
    (void)signal;
}

static void interrupted(void)
{
    int id = OK(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
        sigaction(SIGUSR1, &action, NULL);
        _exit(operate(id, 0, -1, 0) == -1 && errno == EINTR ? 0 : 1); /* never restarted */
    }
    await(id, GETNCNT);
    kill(child, SIGUSR1);
    CHILD_OK(child);
    RETURNS(0, semctl(id, 0, GETNCNT));
    OK(semctl(id, 0, IPC_RMID));
}

static void undo(void)
{
    int id = OK(semget(IPC_PRIVATE, 2, IPC_CREAT | 0600));
    OK(semctl(id, 0, SETVAL, 3));
    OK(semctl(id, 1, SETVAL, 1));
    IN_CHILD({
        OK(operate(id, 0, -2, SEM_UNDO));
        OK(operate(id, 1, 4, SEM_UNDO));
        CHECK(value(id, 0) == 1 && value(id, 1) == 5);
    });
    RETURNS(3, value(id, 0));
    RETURNS(1, value(id, 1));
    /* A killed holder lets go too, and wakes who waits. */
    pid_t holder = fork();
    if (holder == 0) {
        operate(id, 1, -1, SEM_UNDO);
        for (;;)
            pause();
    }
    for (int i = 0; i < 3000 && value(id, 1) != 0; i++)
        sleep_ms(10);
    pid_t waiter = fork();
    if (waiter == 0)
        _exit(operate(id, 1, -1, 0) != 0);
    for (int i = 0; i < 3000 && semctl(id, 1, GETNCNT) == 0; i++)
        sleep_ms(10);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    CHILD_OK(waiter);
    /* SETVAL forgets what was to be undone. */
    IN_CHILD({ OK(operate(id, 0, -1, SEM_UNDO)); OK(semctl(id, 0, SETVAL, 9)); });
    RETURNS(9, value(id, 0));
    OK(semctl(id, 0, IPC_RMID));
}

int main(void)
{
    values();
    waiting();
    interrupted();
    undo();
    return done();
}
