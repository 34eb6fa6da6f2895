/* Controlling terminals and job control: ^C, ^Z, background reads and writes, hang-up, SIGWINCH, tcsetpgrp. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master;
static volatile int seen;

static void note(int signal)
{
    seen = signal;
}

static char wait_byte(void)
{
    struct pollfd poller = { master, POLLIN, 0 };
    char byte = 0;
    do {
        if (poll(&poller, 1, 30000) != 1 || read(master, &byte, 1) != 1)
            return 0;
    } while (byte != 'R' && byte != 'D' && byte != 'F');
    return byte;
}

static void say(const char *text)
{
    if (write(1, text, 1) != 1)
        failures++;
}

/* A session of its own on a fresh terminal, which is its standard input and output. */
static pid_t in_session(void (*body)(void))
{
    struct winsize size = { 24, 80, 0, 0 };
    pid_t child = forkpty(&master, NULL, NULL, &size);
    if (child == 0) {
        failures = 0;
        body();
        _exit(failures != 0);
    }
    return child;
}

static void interrupted(void)
{
    struct sigaction action = { .sa_handler = note };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGQUIT, &action, NULL);
    sigaction(SIGWINCH, &action, NULL);
    CHECK(tcgetpgrp(0) == getpgrp() && tcgetsid(0) == getpid());
    CHECK(open("/dev/tty", O_RDWR) >= 0);
    int expected[] = { SIGINT, SIGQUIT, SIGWINCH };
    for (int i = 0; i < 3; i++) {
        seen = 0;
        say("R");
        for (int j = 0; j < 30000 && !seen; j++)
            sleep_ms(1);
        RETURNS(expected[i], seen);
    }
    struct winsize size;
    RETURNS(0, ioctl(0, TIOCGWINSZ, &size));
    RETURNS(99, size.ws_col);
    say(failures ? "F" : "D");
    pause();
}

static void jobs(void)
{
    int status;
    char byte;
    signal(SIGTTOU, SIG_IGN);
    pid_t job = fork();
    if (job == 0) {
        signal(SIGTTOU, SIG_DFL);
        setpgid(0, 0);
        if (read(0, &byte, 1) != 1) /* in the background: SIGTTIN stops it */
            _exit(1);
        _exit(byte == 'j' ? 0 : 2);
    }
    setpgid(job, job);
    RETURNS(job, waitpid(job, &status, WUNTRACED));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
    RETURNS(0, tcsetpgrp(0, job)); /* now the foreground */
    RETURNS(job, tcgetpgrp(0));
    RETURNS(0, kill(-job, SIGCONT));
    say("R"); /* the other side types a line with j */
    RETURNS(job, waitpid(job, &status, 0));
    RETURNS(0, status);
    RETURNS(0, tcsetpgrp(0, getpgrp()));

    /* TOSTOP: background output stops too. */
    struct termios settings;
    tcgetattr(0, &settings);
    settings.c_lflag |= TOSTOP;
    tcsetattr(0, TCSANOW, &settings);
    job = fork();
    if (job == 0) {
        signal(SIGTTOU, SIG_DFL);
        setpgid(0, 0);
        _exit(write(1, "x", 1) != 1);
    }
    setpgid(job, job);
    RETURNS(job, waitpid(job, &status, WUNTRACED));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
    kill(-job, SIGKILL);
    waitpid(job, NULL, 0);

    /* ^Z stops the foreground job, not its shell. */
    job = fork();
    if (job == 0) {
        setpgid(0, 0);
        tcsetpgrp(0, getpid());
        say("R");
        pause();
    }
    setpgid(job, job);
    RETURNS(job, waitpid(job, &status, WUNTRACED));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
    tcsetpgrp(0, getpgrp());
    kill(-job, SIGKILL);
    RETURNS(job, waitpid(job, &status, 0));
    FAILS(ESRCH, tcsetpgrp(0, 99999));
    say(failures ? "F" : "D");
    sleep_ms(20);
}

static int report;

static void hangup(void)
{
    signal(SIGHUP, note);
    say("R");
    for (int i = 0; i < 30000 && !seen; i++)
        sleep_ms(1);
    char byte;
    int right = seen == SIGHUP && read(0, &byte, 1) == 0;
    if (write(report, right ? "y" : "n", 1) != 1)
        _exit(1);
}

int main(void)
{
    int status, ends[2];
    pid_t child = in_session(interrupted);
    RETURNS('R', wait_byte());
    RETURNS(1, write(master, "\003", 1));
    RETURNS('R', wait_byte());
    RETURNS(1, write(master, "\034", 1));
    RETURNS('R', wait_byte());
    struct winsize size = { 30, 99, 0, 0 };
    RETURNS(0, ioctl(master, TIOCSWINSZ, &size));
    RETURNS('D', wait_byte());
    kill(child, SIGKILL);
    RETURNS(child, waitpid(child, &status, 0));
    close(master);

    child = in_session(jobs);
    RETURNS('R', wait_byte());
    RETURNS(2, write(master, "j\n", 2));
    RETURNS('R', wait_byte());
    RETURNS(1, write(master, "\032", 1));
    RETURNS('D', wait_byte());
    CHILD_OK(child);
    close(master);

    RETURNS(0, pipe(ends));
    report = ends[1];
    child = in_session(hangup);
    RETURNS('R', wait_byte());
    close(master); /* the line drops */
    char answer = 0;
    RETURNS(1, read(ends[0], &answer, 1));
    RETURNS('y', answer);
    CHILD_OK(child);

    /* The session leader's end sends SIGHUP to the foreground and takes the terminal from all. */
    child = fork();
    if (child == 0) {
        int slave, ready[2];
        char byte;
        if (pipe(ready) != 0 || openpty(&master, &slave, NULL, NULL, NULL) != 0 ||
            setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0)
            _exit(1);
        if (fork() == 0) {
            signal(SIGHUP, note);
            if (write(ready[1], "r", 1) != 1)
                _exit(1);
            for (int i = 0; i < 30000 && !seen; i++)
                sleep_ms(1);
            answer = seen == SIGHUP && open("/dev/tty", O_RDWR) == -1 ? 'y' : 'n';
            _exit(write(ends[1], &answer, 1) != 1);
        }
        _exit(read(ready[0], &byte, 1) != 1); /* not before it is ready for the signal */
    }
    CHILD_OK(child);
    RETURNS(1, read(ends[0], &answer, 1));
    RETURNS('y', answer);
    return done();
}
