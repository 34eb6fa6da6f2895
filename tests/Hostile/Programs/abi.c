// Calls by other doors: int 80h, x32, sysenter, numbers that are none.
#include "hostile.h"

static void by_interrupt(void *number)
{
    long result;
    asm volatile("int $0x80" : "=a"(result) : "a"((long)number), "b"(0), "c"(0), "d"(0) : "memory");
    if (result >= 0)
        _exit(99);
}

static void by_sysenter(void *number)
{
    long result;
    asm volatile("mov %%rsp, %%rbp\n sysenter" : "=a"(result) : "a"((long)number), "b"(0), "c"(0), "d"(0) : "memory");
    if (result >= 0)
        _exit(99);
}

static void by_number(void *number)
{
    if (syscall((long)number, 0, 0, 0, 0, 0, 0) >= 0)
        _exit(99);
}

static void expect_none(const char *what, void (*f)(void *), long number)
{
    int status = attempt(f, (void *)number, 5000);
    if (status == -2 || (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 99))
        fail(what, number);
}

int main(void)
{
    for (long number = 0; number < 470; number += 1)
        if (number != 1 && number != 252) // exit and exit_group of i386 would prove nothing
            expect_none("int 80h", by_interrupt, number);
    for (long number = 2; number < 30; number += 3)
        expect_none("sysenter", by_sysenter, number);
    for (long number = 0; number < 560; number += 7)
        expect_none("x32", by_number, 0x40000000 | number);
    long odd[] = { -1, -2, 0x7fffffff, 0x80000000L, 0xffffffffL, 0x7fffffffffffffffL, 1 << 20, 335, 423, 500, 0x5F60 };
    for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++)
        expect_none("number", by_number, odd[i]);
    return finish();
}
