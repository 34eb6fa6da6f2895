/* memfd_create(2) and its seals; O_TMPFILE. */
#include "check.h"
#include <sys/mman.h>

int main(void)
{
    char buffer[16];
    int fd = OK(memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    RETURNS(FD_CLOEXEC, fcntl(fd, F_GETFD));
    RETURNS(3, write(fd, "abc", 3));
    RETURNS(3, pread(fd, buffer, 9, 0));
    RETURNS(0, ftruncate(fd, 4096));
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED && memcmp(shared, "abc", 3) == 0);
    shared[0] = 'X';
    RETURNS(1, pread(fd, buffer, 1, 0));
    CHECK(buffer[0] == 'X');
    RETURNS(0, fcntl(fd, F_GET_SEALS));
    FAILS(EBUSY, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)); /* a writable mapping is there */
    RETURNS(0, munmap(shared, 4096));
    RETURNS(0, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE));
    FAILS(EPERM, write(fd, "x", 1));
    FAILS(EPERM, ftruncate(fd, 1));
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
    RETURNS(0, fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    FAILS(EPERM, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    RETURNS(F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL, fcntl(fd, F_GET_SEALS));
    int plain = OK(memfd_create("plain", 0));
    FAILS(EPERM, fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
    FAILS(EINVAL, memfd_create("x", 0x1000));
    return done();
}
