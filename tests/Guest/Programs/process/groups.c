/* setpgid(2), setsid(2), getpgid(2), getsid(2), orphaned groups. */
#include "check.h"

int main(void)
{
    RETURNS(getpgrp(), getpgid(0));
    FAILS(ESRCH, getpgid(99999));
    FAILS(ESRCH, getsid(99999));
    FAILS(EINVAL, setpgid(0, -1));
    IN_CHILD({
        pid_t parent_group = getpgrp();
        CHECK(parent_group != getpid());
        RETURNS(0, setpgid(0, 0));
        RETURNS(getpid(), getpgrp());
        FAILS(EPERM, setsid()); /* a group leader may not */
        RETURNS(0, setpgid(0, parent_group));
        RETURNS(getpid(), setsid());
        CHECK(getsid(0) == getpid() && getpgrp() == getpid());
        FAILS(EPERM, setpgid(0, 0)); /* a session leader may not */
        CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO); /* no controlling terminal */
        pid_t inner = fork();
        if (inner == 0) {
            CHECK(getsid(0) == getppid());
            RETURNS(0, setpgid(0, 0));
            FAILS(EPERM, setpgid(0, 1 << 20));
            _exit(failures != 0);
        }
        CHILD_OK(inner);
    });

    /* Into the group of a sibling; not after it has executed; not across sessions. */
    int ends[2];
    RETURNS(0, pipe(ends));
    pid_t first = fork();
    if (first == 0)
        _exit(pause() != -1);
    pid_t second = fork();
    if (second == 0)
        _exit(pause() != -1);
    RETURNS(0, setpgid(first, first));
    RETURNS(0, setpgid(second, first));
    RETURNS(first, getpgid(second));
    pid_t third = fork();
    if (third == 0) {
        setsid();
        if (write(ends[1], "x", 1) < 0)
            _exit(1);
        pause();
    }
    char byte;
    RETURNS(1, read(ends[0], &byte, 1));
    FAILS(EPERM, setpgid(third, first));
    FAILS(ESRCH, setpgid(99999, 0));
    kill(third, SIGKILL);
    waitpid(third, NULL, 0);

    /* The leader ends, the group lives on. */
    kill(first, SIGKILL);
    RETURNS(first, waitpid(first, NULL, 0));
    RETURNS(0, kill(-first, 0));
    kill(-first, SIGKILL);
    RETURNS(second, waitpid(second, NULL, 0));
    FAILS(ESRCH, kill(-first, 0));

    /* A stopped group that becomes an orphan gets SIGHUP and SIGCONT. In a session of its own: whoever inherits the
       orphan must not be of that session, or the group would still be watched over. */
    pid_t pid = 0;
    pid_t middle = fork();
    if (middle == 0) {
        setsid();
        pid_t between = fork();
        if (between != 0) {
            waitpid(between, NULL, 0);
            sleep_ms(300);
            _exit(0);
        }
        pid_t stopped = fork();
        if (stopped == 0) {
            setpgid(0, 0);
            raise(SIGSTOP);
            _exit(0);
        }
        int status;
        waitpid(stopped, &status, WUNTRACED);
        if (write(ends[1], &stopped, sizeof stopped) < 0)
            _exit(1);
        _exit(0); /* nobody outside the group but in the session watches over it now */
    }
    RETURNS(sizeof pid, read(ends[0], &pid, sizeof pid));
    int gone = 0;
    for (int i = 0; i < 500 && !gone; i++) {
        char name[64], text[256] = "";
        snprintf(name, sizeof name, "/proc/%d/stat", pid);
        int fd = open(name, O_RDONLY);
        gone = fd < 0 || read(fd, text, sizeof text - 1) <= 0 || strstr(text, ") Z") != NULL;
        close(fd);
        sleep_ms(2);
    }
    CHECK(gone);
    CHILD_OK(middle);
    return done();
}
