// Private mappings of what may only be read, raced with shared writable ones under the same descriptor number: nothing of the first
// may become writable.
#include "hostile.h"
#include <sys/shm.h>

static int number = 50, own, foreign, zero;
static volatile int over;
static volatile char *won;

static void *map_privately(void *unused)
{
    while (!over) {
        dup2(foreign, number);
        void *p = mmap(0, 4096, PROT_READ, MAP_PRIVATE, number, 0);
        if (p != MAP_FAILED)
            munmap(p, 4096);
        dup2(zero, number);
        p = mmap(0, 4096, PROT_READ, MAP_PRIVATE, number, 0);
        if (p != MAP_FAILED)
            munmap(p, 4096);
        dup2(own, number);
    }
    return 0;
}

static void *map_shared(void *unused)
{
    while (!over) {
        char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0);
        if (p == MAP_FAILED)
            continue;
        if (memcmp(p, "MINE", 4)) {
            won = p;
            over = 1;
            return 0;
        }
        munmap(p, 4096);
    }
    return 0;
}

static int make(const char *path, const char *text, int mode)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, mode);
    static char bytes[70000];
    memcpy(bytes, text, 4);
    if (fd < 0 || write(fd, bytes, sizeof bytes) != sizeof bytes)
        fail(path, fd);
    return fd;
}

// Numbers above 32 bits are the same to the host as those below.
static void numbers_wrap(void)
{
    for (int n = 900; n < 1100; n++) {
        dup2(own, n);
        char *p = (char *)syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 0x100000000UL + n, 0);
        if (p != MAP_FAILED && memcmp(p, "MINE", 4))
            fail("another file under a number of 33 bits", n);
    }
}

// A segment attached read-only stays so, whatever mprotect is asked for.
static void segment(void)
{
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0444);
    char *p = id < 0 ? (char *)-1 : shmat(id, 0, SHM_RDONLY);
    if (p == (char *)-1) {
        fail("shmat", id);
        return;
    }
    if (!mprotect(p, 4096, PROT_READ | PROT_WRITE))
        fail("a segment attached read-only became writable", 0);
    shmctl(id, IPC_RMID, 0);
}

int main(void)
{
    close(make("/tmp/foreign", "ROOT", 0644));
    own = make("/tmp/own", "MINE", 0600);
    zero = open("/dev/zero", O_RDWR);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    if (open("/tmp/foreign", O_RDWR) >= 0)
        fail("the file of root is writable", 0);
    foreign = open("/tmp/foreign", O_RDONLY);
    dup2(own, number);
    pthread_t first, second;
    pthread_create(&first, 0, map_privately, 0);
    pthread_create(&second, 0, map_shared, 0);
    for (int i = 0; i < 500 && !over; i++)
        usleep(10000);
    over = 1;
    pthread_join(first, 0);
    pthread_join(second, 0);
    if (won)
        fail("a shared writable mapping of something else", *won);
    numbers_wrap();
    segment();
    return finish();
}
