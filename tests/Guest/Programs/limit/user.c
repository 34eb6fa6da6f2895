/* What /proc/sys/fs lets a user have: pages of pipes, inotify instances and watches (pipe(7), inotify(7)). */
#include "check.h"
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>

enum { DEFAULT_PIPE = 65536, SMALL_PIPE = 8192, PAGE = 4096 };

static long sysctl_of(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/fs/%s", name);
    return atol(slurp(path));
}

static void become_user(void)
{
    struct rlimit files = { 4096, 4096 };
    RETURNS(0, setrlimit(RLIMIT_NOFILE, &files));
    RETURNS(0, setresgid(54321, 54321, 54321));
    RETURNS(0, setresuid(54321, 54321, 54321));
}

static void check_pipes(void)
{
    long soft = sysctl_of("pipe-user-pages-soft"), max = sysctl_of("pipe-max-size");
    int pair[2], last = -1, count = 0;
    become_user();
    while (count < 2000 && pipe(pair) == 0 && fcntl(pair[0], F_GETPIPE_SZ) == DEFAULT_PIPE) {
        last = pair[0];
        count++;
    }
    /* The first one beyond the soft limit has two pages, and none can be made larger. */
    CHECK(count == soft * PAGE / DEFAULT_PIPE);
    RETURNS(SMALL_PIPE, fcntl(pair[0], F_GETPIPE_SZ));
    FAILS(EPERM, fcntl(pair[0], F_SETPIPE_SZ, DEFAULT_PIPE));
    FAILS(EPERM, fcntl(pair[0], F_SETPIPE_SZ, max * 2));
    char block[SMALL_PIPE] = { 0 };
    RETURNS(0, fcntl(pair[1], F_SETFL, O_NONBLOCK));
    RETURNS(SMALL_PIPE, write(pair[1], block, sizeof block));
    FAILS(EAGAIN, write(pair[1], block, 1));
    /* What one pipe gives back another may have. */
    RETURNS(PAGE, fcntl(last, F_SETPIPE_SZ, PAGE));
    RETURNS(2 * SMALL_PIPE, fcntl(pair[0], F_SETPIPE_SZ, 2 * SMALL_PIPE));
    close(last);
}

static void check_inotify(void)
{
    long instances = sysctl_of("inotify/max_user_instances"), count = 0;
    become_user();
    if (instances > 4000)
        return;
    while (inotify_init1(0) >= 0)
        count++;
    CHECK(errno == EMFILE);
    CHECK(count == instances);
}

int main(void)
{
    IN_CHILD(check_pipes());
    IN_CHILD(check_pipes()); /* They are gone with the process that had them. */
    IN_CHILD(check_inotify());
    IN_CHILD(check_inotify());
    return done();
}
