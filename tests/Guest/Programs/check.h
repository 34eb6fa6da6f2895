/* The assertions of the C guest programs. Each prints what went otherwise; main ends with `return done();`. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failures;

/* stdout is unbuffered text written in one piece, so that parent and child do not mix letters. */
static void complain(const char *file, int line, const char *text, long got, int error)
{
    char message[512];
    size_t length = snprintf(message, sizeof message, "%s:%d: %s (got %ld, errno %d %s)\n",
                             file, line, text, got, error, strerror(error));
    if (write(1, message, length < sizeof message ? length : sizeof message - 1) < 0)
        _exit(99);
    failures++;
}

/* The condition holds. */
#define CHECK(condition) do { if (!(condition)) complain(__FILE__, __LINE__, #condition, 0, errno); } while (0)

/* The call answers exactly this. */
#define RETURNS(expected, call) do { errno = 0; long got_ = (long)(call); \
    if (got_ != (long)(expected)) complain(__FILE__, __LINE__, #call " == " #expected, got_, errno); } while (0)

/* The call answers -1 and sets errno to this. */
#define FAILS(error, call) do { errno = 0; long got_ = (long)(call); \
    if (got_ != -1 || errno != (error)) complain(__FILE__, __LINE__, #call " fails with " #error, got_, errno); } while (0)

/* The call answers something other than a negative number; its value. */
#define OK(call) ({ errno = 0; long got_ = (long)(call); \
    if (got_ < 0) complain(__FILE__, __LINE__, #call " succeeds", got_, errno); got_; })

/* The child ends with exit status 0 (it reports its own failures). */
#define CHILD_OK(pid) do { int status_ = -1; pid_t waited_ = waitpid((pid), &status_, 0); \
    if (waited_ < 0 || status_ != 0) complain(__FILE__, __LINE__, "child " #pid " ends well", status_, errno); } while (0)

/* Runs the block in a child and expects it to end well. */
#define IN_CHILD(...) do { pid_t child_ = fork(); \
    if (child_ == 0) { failures = 0; __VA_ARGS__; _exit(failures != 0); } \
    CHILD_OK(child_); } while (0)

static inline int done(void)
{
    return failures == 0 ? 0 : 1;
}

static inline void sleep_ms(long milliseconds)
{
    struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
    while (nanosleep(&time, &time) < 0 && errno == EINTR)
        ;
}

static inline int64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Makes a file with this text; its name. */
static inline const char *make_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        complain(__FILE__, __LINE__, name, fd, errno);
    close(fd);
    return name;
}

/* Reads a whole (small) file into a static buffer; empty if there is none. */
static inline const char *slurp(const char *name)
{
    static char text[65536];
    text[0] = 0;
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return text;
    size_t length = 0;
    for (ssize_t count; (count = read(fd, text + length, sizeof text - 1 - length)) > 0;)
        length += count;
    text[length] = 0;
    close(fd);
    return text;
}
#endif
