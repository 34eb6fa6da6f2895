/* prctl(PR_SET_MDWE): what is not executable does not become so. */
#include "check.h"
#include <sys/mman.h>
#include <sys/prctl.h>
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

static void *map(int protection)
{
    return mmap(0, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(int count, char **arguments)
{
    if (count > 1) { /* Inherited over execve. */
        RETURNS(1, prctl(PR_GET_MDWE, 0, 0, 0, 0));
        CHECK(map(PROT_WRITE | PROT_EXEC) == MAP_FAILED && errno == EACCES);
        return done();
    }
    RETURNS(0, prctl(PR_GET_MDWE, 0, 0, 0, 0));
    FAILS(EINVAL, prctl(PR_SET_MDWE, 2, 0, 0, 0));
    FAILS(EINVAL, prctl(PR_SET_MDWE, 8, 0, 0, 0));
    FAILS(EINVAL, prctl(PR_SET_MDWE, 1, 1, 0, 0));
    void *data = map(PROT_READ | PROT_WRITE), *code = map(PROT_READ | PROT_EXEC);
    RETURNS(0, mprotect(map(PROT_READ), 4096, PROT_READ | PROT_EXEC));
    RETURNS(0, prctl(PR_SET_MDWE, 1, 0, 0, 0));
    RETURNS(1, prctl(PR_GET_MDWE, 0, 0, 0, 0));
    RETURNS(0, prctl(PR_SET_MDWE, 1, 0, 0, 0));
    FAILS(EPERM, prctl(PR_SET_MDWE, 0, 0, 0, 0));
    FAILS(EPERM, prctl(PR_SET_MDWE, 3, 0, 0, 0));
    CHECK(map(PROT_WRITE | PROT_EXEC) == MAP_FAILED && errno == EACCES);
    CHECK(map(PROT_READ | PROT_EXEC) != MAP_FAILED);
    FAILS(EACCES, mprotect(data, 4096, PROT_READ | PROT_EXEC));
    FAILS(EACCES, mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
    RETURNS(0, mprotect(code, 4096, PROT_READ));
    FAILS(EACCES, mprotect(code, 4096, PROT_READ | PROT_EXEC));
    RETURNS(0, mprotect(data, 4096, PROT_READ));
    IN_CHILD(
        RETURNS(1, prctl(PR_GET_MDWE, 0, 0, 0, 0));
        FAILS(EACCES, mprotect(data, 4096, PROT_READ | PROT_EXEC)));

    RETURNS(0, prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    RETURNS(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    IN_CHILD(RETURNS(1, prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0)));
    IN_CHILD(
        char *again[] = {arguments[0], "again", 0};
        OK(execv("/proc/self/exe", again)));
    return done();
}
