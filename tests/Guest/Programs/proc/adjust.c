/* Files of /proc/self that take text: oom_score_adj and oom_adj, coredump_filter, loginuid; and some that only say. */
#include "check.h"
#include <sys/prctl.h>
#include <sys/mman.h>
#include <linux/capability.h>

static long put(const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/%s", name);
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return -1;
    long done = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return done < 0 ? -1 : 0;
}

static long number(const char *name)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/self/%s", name);
    int fd = OK(open(path, O_RDONLY));
    OK(read(fd, text, sizeof text - 1));
    close(fd);
    return strtol(text, 0, strcmp(name, "coredump_filter") == 0 ? 16 : 10);
}

static void drop_privileges(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {0};
    RETURNS(0, syscall(SYS_capset, &header, none));
}

int main(void)
{
    RETURNS(0, put("oom_score_adj", "100"));
    RETURNS(100, number("oom_score_adj"));
    IN_CHILD(
        RETURNS(100, number("oom_score_adj"));
        drop_privileges();
        RETURNS(0, put("oom_score_adj", "500"));
        RETURNS(0, put("oom_score_adj", " 0x70\n"));
        RETURNS(112, number("oom_score_adj"));
        RETURNS(0, put("oom_score_adj", "0150"));
        RETURNS(104, number("oom_score_adj"));
        RETURNS(0, put("oom_score_adj", "100"));
        FAILS(EACCES, put("oom_score_adj", "-1"));
        FAILS(EINVAL, put("oom_score_adj", "1001"));
        FAILS(EINVAL, put("oom_score_adj", "-1001"));
        FAILS(EINVAL, put("oom_score_adj", "12x"));
        FAILS(EINVAL, put("oom_score_adj", " "));
        RETURNS(0, put("oom_adj", "15"));
        RETURNS(1000, number("oom_score_adj"));
        RETURNS(15, number("oom_adj"));
        FAILS(EACCES, put("oom_adj", "14"));
        FAILS(EINVAL, put("oom_adj", "16")));

    RETURNS(0x33, number("coredump_filter"));
    RETURNS(0, put("coredump_filter", "0x1ff"));
    RETURNS(0x1ff, number("coredump_filter"));
    IN_CHILD(RETURNS(0x1ff, number("coredump_filter")));
    FAILS(EINVAL, put("coredump_filter", "many"));

    RETURNS(0, prctl(PR_SET_TIMERSLACK, 123456));
    RETURNS(123456, number("timerslack_ns"));

    /* Names of what is there are as on Linux. */
    const char *names[] = {"attr/current", "pagemap", "map_files", "timers", "projid_map", "numa_maps", "sessionid"};
    for (int i = 0; i < 7; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/%s", names[i]);
        if (access(path, F_OK) != 0)
            complain(__FILE__, __LINE__, path, -1, errno);
    }

    /* A page that was touched is present in pagemap, one that was not is not. */
    char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pages[0] = 1;
    uint64_t entries[2] = {0};
    int map = OK(open("/proc/self/pagemap", O_RDONLY));
    RETURNS(16, pread(map, entries, 16, (uintptr_t)pages / 4096 * 8));
    CHECK(entries[0] >> 63 == 1 && entries[1] >> 63 == 0);
    FAILS(EINVAL, pread(map, entries, 16, 4));
    return done();
}
