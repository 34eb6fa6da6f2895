/* Pseudo-terminals: opening, the line discipline, termios, window size, queue control. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;

/* What the end gives: one read, or as many as it takes until all of the expected text is there. Linux carries
   letters and their echo over from a worker thread, so one read may see only the first of them. */
static const char *from(int fd, size_t least)
{
    static char buffer[512];
    size_t length = 0;
    do {
        struct pollfd poller = { fd, POLLIN, 0 };
        ssize_t count = poll(&poller, 1, 20000) == 1 ? read(fd, buffer + length, sizeof buffer - 1 - length) : 0;
        if (count <= 0)
            break;
        length += count;
    } while (length < least);
    buffer[length] = 0;
    return buffer;
}

/* The end gives exactly this text, in one piece or several. */
#define GIVES(fd, text) CHECK(strcmp(from(fd, strlen(text)), text) == 0)

/* One read gives exactly this text. */
#define READS(fd, text) CHECK(strcmp(from(fd, 1), text) == 0)

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
    READS(slave, "hello\n");
    GIVES(master, "helxx\b \b\b \blo\r\n");
    put(master, "gone\025kept\n"); /* ^U takes the line */
    READS(slave, "kept\n");
    GIVES(master, "gone\b \b\b \b\b \b\b \bkept\r\n");
    put(master, "one\ntwo\n");
    READS(slave, "one\n"); /* one line for one read */
    READS(slave, "two\n");
    GIVES(master, "one\r\ntwo\r\n");
    put(master, "part\004"); /* ^D: what is there, without a newline */
    READS(slave, "part");
    put(master, "\004");
    char byte;
    RETURNS(0, read(slave, &byte, 1)); /* end of file */
    GIVES(master, "part");
    put(slave, "a\nb");
    GIVES(master, "a\r\nb");
    put(master, "\026\003x\n"); /* ^V: the next one literally */
    READS(slave, "\003x\n");
    GIVES(master, "^\b^Cx\r\n");

    /* No echo; raw. */
    settings.c_lflag &= ~ECHO;
    RETURNS(0, tcsetattr(slave, TCSANOW, &settings));
    put(master, "secret\n");
    READS(slave, "secret\n");
    CHECK(!has_input(master));
    raw = settings;
    cfmakeraw(&raw);
    RETURNS(0, tcsetattr(slave, TCSAFLUSH, &raw));
    put(master, "x\r\003");
    GIVES(slave, "x\r\003");
    put(slave, "n\n");
    GIVES(master, "n\n");
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 1; /* a tenth of a second */
    RETURNS(0, tcsetattr(slave, TCSANOW, &raw));
    int64_t start = now_ms();
    RETURNS(0, read(slave, &byte, 1));
    CHECK(now_ms() - start >= 80);
    put(master, "abc");
    int count = 0;
    for (int i = 0; i < 20000 && count < 3; i++) {
        RETURNS(0, ioctl(slave, FIONREAD, &count));
        sleep_ms(1);
    }
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
    RETURNS(1, poll(&poller, 1, 20000));
    CHECK(poller.revents & POLLHUP);
    FAILS(EIO, read(master, &byte, 1));
    slave = OK(open(path, O_RDWR | O_NOCTTY)); /* and come again */
    put(slave, "again");
    GIVES(master, "again");
    close(master);
    RETURNS(0, read(slave, &byte, 1));
    FAILS(EIO, write(slave, "x", 1));
    CHECK(open(path, O_RDWR | O_NOCTTY) == -1);
    return done();
}
