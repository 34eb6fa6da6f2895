/* flock(2), POSIX record locks and OFD locks of fcntl(2). */
#include "check.h"
#include <sys/file.h>

static int lock(int fd, int command, short type, off_t start, off_t length)
{
    struct flock region = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    return fcntl(fd, command, &region);
}

int main(void)
{
    make_file("f", "0123456789");
    int fd = OK(open("f", O_RDWR)), other = OK(open("f", O_RDWR));

    /* flock belongs to the description. */
    RETURNS(0, flock(fd, LOCK_EX));
    FAILS(EWOULDBLOCK, flock(other, LOCK_SH | LOCK_NB));
    int copy = OK(dup(fd));
    RETURNS(0, flock(copy, LOCK_SH | LOCK_NB)); /* downgrades */
    RETURNS(0, flock(other, LOCK_SH | LOCK_NB));
    FAILS(EWOULDBLOCK, flock(other, LOCK_EX | LOCK_NB));
    RETURNS(0, flock(copy, LOCK_UN));
    RETURNS(0, flock(other, LOCK_EX | LOCK_NB));
    close(other);
    RETURNS(0, flock(fd, LOCK_EX | LOCK_NB));
    FAILS(EINVAL, flock(fd, 0));
    pid_t child = fork();
    if (child == 0) {
        int mine = open("f", O_RDWR);
        RETURNS(0, flock(mine, LOCK_EX)); /* waits for the parent */
        _exit(failures != 0);
    }
    sleep_ms(50);
    RETURNS(0, waitpid(child, NULL, WNOHANG));
    RETURNS(0, flock(fd, LOCK_UN));
    close(fd), close(copy); /* the child has them too, unlocked */
    CHILD_OK(child);

    /* Record locks belong to the process. */
    fd = OK(open("f", O_RDWR));
    RETURNS(0, lock(fd, F_SETLK, F_WRLCK, 0, 5));
    IN_CHILD({
        FAILS(EAGAIN, lock(fd, F_SETLK, F_RDLCK, 4, 1));
        RETURNS(0, lock(fd, F_SETLK, F_WRLCK, 5, 5));
        struct flock query = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
        RETURNS(0, fcntl(fd, F_GETLK, &query));
        CHECK(query.l_type == F_WRLCK && query.l_pid == getppid() && query.l_start == 0 && query.l_len == 5);
    });
    RETURNS(0, lock(fd, F_SETLK, F_UNLCK, 1, 2)); /* splits */
    IN_CHILD({
        RETURNS(0, lock(fd, F_SETLK, F_RDLCK, 1, 2));
        FAILS(EAGAIN, lock(fd, F_SETLK, F_RDLCK, 0, 1));
        FAILS(EAGAIN, lock(fd, F_SETLK, F_RDLCK, 3, 1));
    });
    close(OK(open("f", O_RDONLY))); /* closing any descriptor of the file releases them all: POSIX */
    IN_CHILD(RETURNS(0, lock(fd, F_SETLK, F_WRLCK, 0, 0)));

    /* Waiting for a lock, and the wait ends when the holder exits. */
    int ends[2];
    RETURNS(0, pipe(ends));
    child = fork();
    if (child == 0) {
        lock(fd, F_SETLK, F_WRLCK, 0, 0);
        if (write(ends[1], "x", 1) != 1)
            _exit(9);
        sleep_ms(60);
        _exit(0);
    }
    char byte;
    RETURNS(1, read(ends[0], &byte, 1));
    RETURNS(0, lock(fd, F_SETLKW, F_WRLCK, 0, 0));
    CHILD_OK(child);

    /* OFD locks: two descriptions of one process do conflict. */
    other = OK(open("f", O_RDWR));
    RETURNS(0, lock(fd, F_SETLK, F_UNLCK, 0, 0));
    RETURNS(0, lock(fd, F_OFD_SETLK, F_WRLCK, 0, 0));
    FAILS(EAGAIN, lock(other, F_OFD_SETLK, F_RDLCK, 0, 1));
    RETURNS(0, lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
    RETURNS(0, lock(other, F_OFD_SETLK, F_RDLCK, 0, 1));
    int readonly = OK(open("f", O_RDONLY));
    FAILS(EBADF, lock(readonly, F_SETLK, F_WRLCK, 0, 0));
    return done();
}
