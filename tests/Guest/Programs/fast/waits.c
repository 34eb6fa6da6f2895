/* A call that waits goes on with the file it began with, whatever becomes of its descriptor: close(2), dup2(2). */
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

enum { TURNS = 20000, ROUNDS = 30, CALLS = 200 };

static int there[2], back[2], lost, waits;

/* Both threads call often for a while, so that their calls take every short cut that there is. */
static void *echo(void *unused)
{
    char byte;
    while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
        ;
    return unused;
}

static void warm_up(void)
{
    char byte = 'w';
    for (int i = 0; i < TURNS; i++) {
        RETURNS(1, write(there[1], &byte, 1));
        RETURNS(1, read(back[0], &byte, 1));
    }
}

/* Waits with a call that came by whatever the calls before it came by. */
static void *reader(void *number)
{
    char byte;
    for (int i = 0; i < CALLS; i++) {
        RETURNS(1, write(back[1], "e", 1));
        RETURNS(1, read(back[0], &byte, 1));
    }
    __atomic_store_n(&waits, 1, __ATOMIC_SEQ_CST);
    long count = read((int)(long)number, &byte, 1);
    if (count != 1 || byte != 'y')
        lost++;
    return NULL;
}

/* The reader's number is that of an empty pipe, or of nothing, when the byte comes. */
static void take_number_away(int number, int writer, int other)
{
    while (!__atomic_load_n(&waits, __ATOMIC_SEQ_CST))
        usleep(100);
    usleep(10000);
    if (other >= 0)
        RETURNS(number, dup2(other, number));
    else
        RETURNS(0, close(number));
    RETURNS(1, write(writer, "y", 1));
}

/* A reader of the empty pipe would wait for ever. */
static void too_late(int unused)
{
    (void)unused;
    _exit(99);
}

int main(void)
{
    pthread_t thread;
    signal(SIGALRM, too_late);
    alarm(30);
    signal(SIGPIPE, SIG_IGN);
    RETURNS(0, pipe(there));
    RETURNS(0, pipe(back));
    RETURNS(0, pthread_create(&thread, NULL, echo, NULL));
    warm_up();
    RETURNS(0, close(there[1]));
    RETURNS(0, pthread_join(thread, NULL));
    for (int i = 0; i < ROUNDS; i++) {
        int ends[2], empty[2];
        if (i % 3 == 2)
            RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
        else
            RETURNS(0, pipe(ends));
        RETURNS(0, pipe(empty));
        waits = 0;
        RETURNS(0, pthread_create(&thread, NULL, reader, (void *)(long)ends[0]));
        take_number_away(ends[0], ends[1], i % 2 ? empty[0] : -1);
        RETURNS(0, pthread_join(thread, NULL));
        CHECK(lost == 0);
        close(ends[0]);
        close(ends[1]);
        close(empty[0]);
        close(empty[1]);
    }
    return 0;
}
