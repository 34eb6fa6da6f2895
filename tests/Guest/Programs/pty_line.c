/* Pseudo-terminals: opening, the line discipline, termios, window size, queue control. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;

static const char *from(int fd)
{
    static char buffer[512];
    struct pollfd poller = { fd, POLLIN, 0 };
    ssize_t length = poll(&poller, 1, 500) == 1 ? read(fd, buffer, sizeof buffer - 1) : 0;
    buffer[length > 0 ? length : 0] = 0;
    return buffer;
}

static void put(int fd, const char *text)
{
    RETURNS(strlen(text), write(fd, text, strlen(text)));
}

static int has_input(int fd)
{
    struct pollfd poller = { fd, POLLIN, 0 };
    return poll(&poller, 1, 30) == 1 && (poller.revents & POLLIN);
}

int main(void)
{
    struct termios settings, raw;
    struct winsize size = { 24, 80, 0, 0 };
    int number, unlock = 0;
    master = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    RETURNS(0, ioctl(master, TIOCGPTN, &number));
    char path[32];
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    FAILS(EIO, open(path, O_RDWR | O_NOCTTY)); /* locked until told otherwise */
    RETURNS(0, ioctl(master, TIOCSPTLCK, &unlock));
    slave = OK(open(path, O_RDWR | O_NOCTTY));
    CHECK(isatty(slave) && isatty(master));
    char name[64];
    RETURNS(0, ttyname_r(slave, name, sizeof name));
    CHECK(strcmp(name, path) == 0);
    struct stat st;
    RETURNS(0, fstat(slave, &st));
    CHECK(S_ISCHR(st.st_mode) && st.st_rdev >> 8 == 136);

    /* Canonical mode: lines, echo, editing. */
    RETURNS(0, tcgetattr(slave, &settings));
    CHECK((settings.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
    CHECK((settings.c_iflag & ICRNL) && (settings.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR));
    CHECK(settings.c_cc[VINTR] == 3 && settings.c_cc[VEOF] == 4 && settings.c_cc[VERASE] == 127);
    put(master, "hel");
    CHECK(!has_input(slave));
    put(master, "xx\177\177lo\r"); /* two letters taken back; return becomes newline */
    CHECK(strcmp(from(slave), "hello\n") == 0);
    CHECK(strcmp(from(master), "helxx\b \b\b \blo\r\n") == 0);
    put(master, "gone\025kept\n"); /* ^U takes the line */
    CHECK(strcmp(from(slave), "kept\n") == 0);
    from(master);
    put(master, "one\ntwo\n");
    CHECK(strcmp(from(slave), "one\n") == 0); /* one line for one read */
    CHECK(strcmp(from(slave), "two\n") == 0);
    from(master);
    put(master, "part\004"); /* ^D: what is there, without a newline */
    CHECK(strcmp(from(slave), "part") == 0);
    put(master, "\004");
    CHECK(has_input(slave));
    char byte;
    RETURNS(0, read(slave, &byte, 1)); /* end of file */
    from(master);
    put(slave, "a\nb");
    CHECK(strcmp(from(master), "a\r\nb") == 0);
    put(master, "\026\003x\n"); /* ^V: the next one literally */
    CHECK(strcmp(from(slave), "\003x\n") == 0);
    from(master);

    /* No echo; raw. */
    settings.c_lflag &= ~ECHO;
    RETURNS(0, tcsetattr(slave, TCSANOW, &settings));
    put(master, "secret\n");
    CHECK(strcmp(from(slave), "secret\n") == 0 && !has_input(master));
    raw = settings;
    cfmakeraw(&raw);
    RETURNS(0, tcsetattr(slave, TCSAFLUSH, &raw));
    put(master, "x\r\003");
    CHECK(strcmp(from(slave), "x\r\003") == 0);
    put(slave, "n\n");
    CHECK(strcmp(from(master), "n\n") == 0);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 1; /* a tenth of a second */
    RETURNS(0, tcsetattr(slave, TCSANOW, &raw));
    int64_t start = now_ms();
    RETURNS(0, read(slave, &byte, 1));
    CHECK(now_ms() - start >= 80);
    put(master, "abc");
    sleep_ms(5);
    int count = 0;
    RETURNS(0, ioctl(slave, FIONREAD, &count));
    RETURNS(3, count);
    RETURNS(0, tcflush(slave, TCIFLUSH));
    CHECK(!has_input(slave));

    /* Window size is one for both ends. */
    RETURNS(0, ioctl(slave, TIOCGWINSZ, &size));
    CHECK(size.ws_row == 0 && size.ws_col == 0);
    size = (struct winsize) { 50, 132, 0, 0 };
    RETURNS(0, ioctl(master, TIOCSWINSZ, &size));
    size.ws_row = 0;
    RETURNS(0, ioctl(slave, TIOCGWINSZ, &size));
    CHECK(size.ws_row == 50 && size.ws_col == 132);
    FAILS(EFAULT, ioctl(slave, TIOCGWINSZ, 8));
    FAILS(ENOTTY, ioctl(slave, 0x12345678, &size));
    FAILS(ESPIPE, lseek(slave, 0, SEEK_SET));

    /* The ends see each other go. */
    close(slave);
    struct pollfd poller = { master, POLLIN, 0 };
    RETURNS(1, poll(&poller, 1, 100));
    CHECK(poller.revents & POLLHUP);
    FAILS(EIO, read(master, &byte, 1));
    slave = OK(open(path, O_RDWR | O_NOCTTY)); /* and come again */
    put(slave, "again");
    CHECK(strcmp(from(master), "again") == 0);
    close(master);
    RETURNS(0, read(slave, &byte, 1));
    FAILS(EIO, write(slave, "x", 1));
    CHECK(open(path, O_RDWR | O_NOCTTY) == -1);
    return done();
}
