/* fifo(7): mkfifo, opening order, O_NONBLOCK. */
#include "check.h"

int main(void)
{
    char buffer[16];
    RETURNS(0, mkfifo("p", 0600));
    FAILS(EEXIST, mkfifo("p", 0600));
    FAILS(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
    int reader = OK(open("p", O_RDONLY | O_NONBLOCK));
    RETURNS(0, read(reader, buffer, 1)); /* no writer yet: end of file */
    int writer = OK(open("p", O_WRONLY | O_NONBLOCK));
    FAILS(EAGAIN, read(reader, buffer, 1));
    RETURNS(2, write(writer, "hi", 2));
    RETURNS(2, read(reader, buffer, 16));
    close(writer);
    RETURNS(0, read(reader, buffer, 16));
    close(reader);

    /* Each side waits for the other. */
    int64_t start = now_ms();
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(60);
        int fd = open("p", O_WRONLY);
        _exit(write(fd, "late", 4) != 4);
    }
    reader = OK(open("p", O_RDONLY));
    CHECK(now_ms() - start >= 50);
    RETURNS(4, read(reader, buffer, 16));
    RETURNS(0, read(reader, buffer, 16));
    CHILD_OK(child);
    close(reader);

    /* Read-write never waits, on Linux. */
    int both = OK(open("p", O_RDWR));
    RETURNS(1, write(both, "x", 1));
    RETURNS(1, read(both, buffer, 4));
    struct stat st;
    RETURNS(0, fstat(both, &st));
    CHECK(S_ISFIFO(st.st_mode));
    FAILS(ESPIPE, lseek(both, 0, SEEK_SET));
    RETURNS(0, unlink("p"));
    RETURNS(1, write(both, "y", 1));

    /* A writer that is let in by the reader may be gone before the reader looks: that is no reason to wait for another. */
    RETURNS(0, mkfifo("often", 0600));
    for (int i = 0; i < 300; i++) {
        pid_t writer = fork();
        if (writer == 0) {
            int end = open("often", O_WRONLY);
            _exit(write(end, "x", 1) != 1);
        }
        char letters[4];
        int end = OK(open("often", O_RDONLY));
        RETURNS(1, read(end, letters, sizeof letters));
        RETURNS(0, read(end, letters, sizeof letters));
        close(end);
        CHILD_OK(writer);
    }
    return done();
}
