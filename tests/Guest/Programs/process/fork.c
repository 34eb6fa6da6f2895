/* fork(2): what is copied, what is shared, what is not inherited. */
#include "check.h"
#include <sys/mman.h>
#include <sys/resource.h>

static int variable = 1;

int main(void)
{
    int ends[2], status;
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    private[0] = 'p';
    int fd = OK(open("f", O_RDWR | O_CREAT, 0644));
    RETURNS(0, pipe(ends));
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        CHECK(getppid() == parent && getpid() != parent && syscall(SYS_gettid) == getpid());
        CHECK(variable == 1 && private[0] == 'p');
        variable = 2;
        private[0] = 'c';
        shared[0] = 's';
        RETURNS(4, write(fd, "abcd", 4));
        RETURNS(0, close(ends[0]));
        _exit(failures ? 1 : 33);
    }
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 33);
    CHECK(variable == 1 && private[0] == 'p' && shared[0] == 's');
    RETURNS(4, lseek(fd, 0, SEEK_CUR)); /* one open file description */
    CHECK(fcntl(ends[0], F_GETFD) == 0);

    /* Many at once, many in a row. */
    pid_t many[50];
    for (int i = 0; i < 50; i++)
        if ((many[i] = fork()) == 0)
            _exit(i);
    for (int i = 0; i < 50; i++) {
        RETURNS(many[i], waitpid(many[i], &status, 0));
        RETURNS(i, WEXITSTATUS(status));
    }
    for (int i = 0; i < 100; i++) {
        child = fork();
        if (child == 0)
            _exit(0);
        CHILD_OK(child);
    }

    /* Alarms and timers are not inherited; limits and the directory are. */
    alarm(100);
    struct rlimit limit = { 7, 8 };
    RETURNS(0, setrlimit(RLIMIT_MSGQUEUE, &limit));
    IN_CHILD({
        RETURNS(0, alarm(0));
        RETURNS(0, getrlimit(RLIMIT_MSGQUEUE, &limit));
        CHECK(limit.rlim_cur == 7 && limit.rlim_max == 8);
    });
    CHECK(alarm(0) > 90);

    /* Copy-on-write over many pages. */
    char *big = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 8 << 20; i += 4096)
        big[i] = i >> 12;
    IN_CHILD({
        for (int i = 0; i < 8 << 20; i += 4096) {
            CHECK(big[i] == (char)(i >> 12));
            big[i] = 0;
        }
    });
    for (int i = 0; i < 8 << 20; i += 4096)
        CHECK(big[i] == (char)(i >> 12));
    return done();
}
