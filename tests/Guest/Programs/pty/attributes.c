/* The three forms of a terminal's attributes: termios, termios2 and termio (ioctl_tty(2)). */
#define _XOPEN_SOURCE 600
#include "check.h"
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <sys/ioctl.h>
extern char *ptsname(int);
extern int grantpt(int), unlockpt(int);

int main(void)
{
    int master = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    RETURNS(0, grantpt(master));
    RETURNS(0, unlockpt(master));
    int slave = OK(open(ptsname(master), O_RDWR | O_NOCTTY));

    struct termios2 two = {0};
    RETURNS(0, ioctl(slave, TCGETS2, &two));
    CHECK(two.c_ospeed == 38400 && two.c_ispeed == 38400);
    CHECK((two.c_lflag & ECHO) != 0);
    two.c_lflag &= ~ECHO;
    RETURNS(0, ioctl(slave, TCSETS2, &two));
    RETURNS(0, ioctl(slave, TCSETSW2, &two));
    RETURNS(0, ioctl(slave, TCSETSF2, &two));

    struct termios one = {0};
    RETURNS(0, ioctl(slave, TCGETS, &one));
    CHECK((one.c_lflag & ECHO) == 0);

    /* The low halves of the modes, and eight of the characters. */
    struct termio old = {0};
    RETURNS(0, ioctl(slave, TCGETA, &old));
    CHECK(old.c_lflag == (unsigned short)one.c_lflag && memcmp(old.c_cc, one.c_cc, 8) == 0);
    old.c_lflag |= ECHO;
    old.c_cc[VINTR] = 7;
    RETURNS(0, ioctl(slave, TCSETA, &old));
    RETURNS(0, ioctl(slave, TCGETS, &one));
    CHECK((one.c_lflag & ECHO) != 0 && one.c_cc[VINTR] == 7);
    RETURNS(0, ioctl(slave, TCSETAW, &old));
    RETURNS(0, ioctl(slave, TCSETAF, &old));

    /* Speeds follow the mode bits, but for BOTHER, which takes them as they are given. */
    RETURNS(0, ioctl(slave, TCGETS2, &two));
    two.c_cflag = (two.c_cflag & ~CBAUD) | B115200;
    two.c_ospeed = two.c_ispeed = 1;
    RETURNS(0, ioctl(slave, TCSETS2, &two));
    RETURNS(0, ioctl(slave, TCGETS2, &two));
    CHECK(two.c_ospeed == 115200 && two.c_ispeed == 115200);
    two.c_cflag = (two.c_cflag & ~CBAUD) | BOTHER;
    two.c_ospeed = two.c_ispeed = 12345;
    RETURNS(0, ioctl(slave, TCSETS2, &two));
    RETURNS(0, ioctl(slave, TCGETS2, &two));
    CHECK(two.c_ospeed == 12345 && two.c_ispeed == 12345);

    FAILS(EFAULT, ioctl(slave, TCGETS2, (void *)8));
    FAILS(EFAULT, ioctl(slave, TCSETA, (void *)8));
    int file = OK(open("/proc/self/status", O_RDONLY));
    FAILS(ENOTTY, ioctl(file, TCGETS2, &two));
    return done();
}
