/* work files FOLDER: 3,000 files of 1 to 4 KiB in 30 directories are written, read back with their attributes, and removed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "work.h"

enum { FOLDERS = 30, FILES = 100 };

static char block[4096];

static size_t size_of(int folder, int file)
{
    return 1024 + (folder * 131 + file * 37) % 3073;
}

static void write_file(const char *path, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0 || write(fd, block, size) != (ssize_t)size)
        stop(path);
    close(fd);
}

static void read_file(const char *path, size_t size)
{
    struct stat st;
    if (stat(path, &st) != 0 || (size_t)st.st_size != size)
        stop(path);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, block, sizeof block) != (ssize_t)size || read(fd, block, sizeof block) != 0)
        stop(path);
    close(fd);
}

void files(const char *folder)
{
    char path[512];
    memset(block, 'x', sizeof block);
    if (mkdir(folder, 0755) != 0)
        stop(folder);
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < FOLDERS; i++) {
            snprintf(path, sizeof path, "%s/d%d", folder, i);
            if (pass == 0 && mkdir(path, 0755) != 0)
                stop(path);
            for (int j = 0; j < FILES; j++) {
                snprintf(path, sizeof path, "%s/d%d/f%d", folder, i, j);
                if (pass == 0)
                    write_file(path, size_of(i, j));
                else if (pass == 1)
                    read_file(path, size_of(i, j));
                else if (unlink(path) != 0)
                    stop(path);
            }
            snprintf(path, sizeof path, "%s/d%d", folder, i);
            if (pass == 2 && rmdir(path) != 0)
                stop(path);
        }
    }
    if (rmdir(folder) != 0)
        stop(folder);
}
