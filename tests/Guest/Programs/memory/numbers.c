/* mmap(2) of files under high descriptor numbers, by several threads at once: each sees its own file. */
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { THREADS = 8, ROUNDS = 200, PAGE = 4096 };

static int base;

static void *map_own(void *argument)
{
    long index = (long)argument;
    char name[16], text[PAGE];
    snprintf(name, sizeof name, "file%ld", index);
    memset(text, 'A' + (int)index, sizeof text);
    int fd = OK(open(name, O_RDWR | O_CREAT, 0644));
    RETURNS(PAGE, write(fd, text, PAGE));
    int number = base + (int)index;
    RETURNS(number, dup2(fd, number));
    close(fd);
    for (int round = 0; round < ROUNDS; round++) {
        char *page = mmap(NULL, PAGE, PROT_READ, round % 2 ? MAP_SHARED : MAP_PRIVATE, number, 0);
        CHECK(page != MAP_FAILED && page[0] == 'A' + index && page[PAGE - 1] == 'A' + index);
        char *same = mmap(page, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, number, 0);
        CHECK(same == page && page[1] == 'A' + index);
        RETURNS(0, munmap(page, PAGE));
    }
    close(number);
    return NULL;
}

static void map_all(int first)
{
    pthread_t threads[THREADS];
    base = first;
    for (long i = 0; i < THREADS; i++)
        RETURNS(0, pthread_create(&threads[i], NULL, map_own, (void *)i));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    struct rlimit limit;
    RETURNS(0, getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    RETURNS(0, setrlimit(RLIMIT_NOFILE, &limit));
    map_all(50);
    map_all(960);
    map_all(1010);
    if (limit.rlim_max > 4200)
        map_all(4090);
    if (limit.rlim_max > 500000)
        map_all(500000);
    return done();
}
