/* sendfile(2), copy_file_range(2), splice(2), tee(2). */
#include "check.h"
#include <sys/sendfile.h>

int main(void)
{
    char buffer[64];
    make_file("in", "0123456789");
    int in = OK(open("in", O_RDONLY)), out = OK(open("out", O_RDWR | O_CREAT, 0644));
    RETURNS(10, sendfile(out, in, NULL, 100));
    RETURNS(0, sendfile(out, in, NULL, 100));
    CHECK(strcmp(slurp("out"), "0123456789") == 0);
    off_t offset = 4;
    RETURNS(3, sendfile(out, in, &offset, 3));
    RETURNS(7, offset);
    RETURNS(10, lseek(in, 0, SEEK_CUR));
    CHECK(strcmp(slurp("out"), "0123456789456") == 0);
    FAILS(EBADF, sendfile(in, out, NULL, 1));

    int ends[2];
    RETURNS(0, pipe(ends));
    offset = 0;
    RETURNS(5, sendfile(ends[1], in, &offset, 5));
    RETURNS(5, read(ends[0], buffer, sizeof buffer));
    FAILS(EINVAL, sendfile(out, ends[0], NULL, 5));

    loff_t from = 2, to = 0;
    int target = OK(open("target", O_RDWR | O_CREAT, 0644));
    RETURNS(4, copy_file_range(in, &from, target, &to, 4, 0));
    CHECK(from == 6 && to == 4);
    CHECK(strcmp(slurp("target"), "2345") == 0);
    FAILS(EINVAL, copy_file_range(in, &from, target, &to, 4, 1));

    from = 1;
    RETURNS(6, splice(in, &from, ends[1], NULL, 6, 0));
    int second[2];
    RETURNS(0, pipe(second));
    RETURNS(6, tee(ends[0], second[1], 100, 0));
    RETURNS(6, read(second[0], buffer, sizeof buffer));
    CHECK(memcmp(buffer, "123456", 6) == 0);
    RETURNS(0, lseek(target, 0, SEEK_SET));
    RETURNS(6, splice(ends[0], NULL, target, NULL, 100, 0));
    CHECK(strcmp(slurp("target"), "123456") == 0);
    FAILS(EAGAIN, splice(ends[0], NULL, target, NULL, 100, SPLICE_F_NONBLOCK));
    FAILS(EINVAL, splice(in, NULL, target, NULL, 1, 0));
    FAILS(ESPIPE, splice(ends[0], &from, target, NULL, 1, 0));
    return done();
}
