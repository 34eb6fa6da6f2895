/* /proc/self/maps: what is mapped stands there, with rights, offsets and names; smaps; mem. */
#include "check.h"
#include <sys/mman.h>

/* The line of the mapping that contains the address: its rights, offset, inode and name. */
static int find(const void *address, unsigned long *start, unsigned long *end, char *rights, unsigned long *offset, char *name)
{
    char text[512];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long last = 0;
    while (maps && fgets(text, sizeof text, maps)) {
        unsigned long from, to, at, inode;
        unsigned major, minor;
        char access[8], path[512] = "";
        int fields = sscanf(text, "%lx-%lx %4s %lx %x:%x %lu %511[^\n]", &from, &to, access, &at, &major, &minor, &inode, path);
        CHECK(fields >= 7 && from < to && from >= last);
        last = to;
        if ((unsigned long)address >= from && (unsigned long)address < to) {
            *start = from, *end = to, *offset = at;
            strcpy(rights, access);
            strcpy(name, path);
            found = 1;
        }
    }
    if (maps)
        fclose(maps);
    return found;
}

int main(void)
{
    unsigned long start, end, offset;
    char rights[8], name[512];
    int local = 0;
    CHECK(find(&local, &start, &end, rights, &offset, name));
    CHECK(strcmp(name, "[stack]") == 0 && strcmp(rights, "rw-p") == 0);
    char *heap = sbrk(4096);
    CHECK(find(heap, &start, &end, rights, &offset, name) && strcmp(name, "[heap]") == 0);
    CHECK(find((void *)main, &start, &end, rights, &offset, name));
    CHECK(strcmp(rights, "r-xp") == 0 && name[0] == '/');

    int fd = OK(open("mapped", O_RDWR | O_CREAT, 0644));
    RETURNS(0, ftruncate(fd, 5 * 4096));
    char *file = mmap(NULL, 2 * 4096, PROT_READ, MAP_SHARED, fd, 2 * 4096);
    CHECK(find(file, &start, &end, rights, &offset, name));
    CHECK(strcmp(rights, "r--s") == 0 && offset == 2 * 4096 && end - start == 2 * 4096);
    CHECK(strlen(name) > 7 && strcmp(name + strlen(name) - 7, "/mapped") == 0);
    char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(find(private, &start, &end, rights, &offset, name) && strcmp(rights, "rw-p") == 0 && offset == 0);

    char *area = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RETURNS(0, mprotect(area + 4096, 4096, PROT_NONE));
    CHECK(find(area + 4096, &start, &end, rights, &offset, name));
    CHECK(strcmp(rights, "---p") == 0 && start == (unsigned long)area + 4096 && end == start + 4096 && name[0] == 0);
    RETURNS(0, munmap(area + 4096, 4096));
    CHECK(!find(area + 4096, &start, &end, rights, &offset, name));
    CHECK(find((void *)0xffffffffff600000, &start, &end, rights, &offset, name) || 1);

    /* smaps sums up what is resident. */
    FILE *smaps = fopen("/proc/self/smaps", "r");
    char line[512];
    long rss = 0, sizes = 0;
    while (smaps && fgets(line, sizeof line, smaps)) {
        long kilobytes;
        if (sscanf(line, "Rss: %ld kB", &kilobytes) == 1)
            rss += kilobytes;
        if (sscanf(line, "Size: %ld kB", &kilobytes) == 1)
            sizes += kilobytes;
    }
    CHECK(rss > 0 && sizes >= rss);

    /* mem reads the memory itself. */
    int mem = OK(open("/proc/self/mem", O_RDWR));
    strcpy(area, "through mem");
    char copy[16] = "";
    RETURNS(11, pread(mem, copy, 11, (off_t)(uintptr_t)area));
    CHECK(strcmp(copy, "through mem") == 0);
    RETURNS(3, pwrite(mem, "HEY", 3, (off_t)(uintptr_t)area));
    CHECK(strcmp(area, "HEYough mem") == 0);
    CHECK(pread(mem, copy, 1, (off_t)(uintptr_t)(area + 4096)) == -1 && errno == EIO);
    return done();
}
