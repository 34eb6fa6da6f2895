/* setxattr(2), getxattr(2), listxattr(2), removexattr(2) on a regular file. */
#include "check.h"
#include <sys/xattr.h>

int main(void)
{
    char buffer[256];
    make_file("f", "x");
    FAILS(ENODATA, getxattr("f", "user.none", buffer, sizeof buffer));
    RETURNS(0, setxattr("f", "user.color", "green", 5, 0));
    RETURNS(5, getxattr("f", "user.color", NULL, 0));
    RETURNS(5, getxattr("f", "user.color", buffer, sizeof buffer));
    CHECK(memcmp(buffer, "green", 5) == 0);
    FAILS(ERANGE, getxattr("f", "user.color", buffer, 2));
    FAILS(EEXIST, setxattr("f", "user.color", "red", 3, XATTR_CREATE));
    FAILS(ENODATA, setxattr("f", "user.other", "red", 3, XATTR_REPLACE));
    RETURNS(0, setxattr("f", "user.color", "red", 3, XATTR_REPLACE));
    RETURNS(3, getxattr("f", "user.color", buffer, sizeof buffer));
    int fd = OK(open("f", O_RDWR));
    RETURNS(0, fsetxattr(fd, "user.two", "", 0, 0));
    long length = OK(flistxattr(fd, buffer, sizeof buffer));
    int found = 0;
    for (char *name = buffer; name < buffer + length; name += strlen(name) + 1)
        found += strcmp(name, "user.color") == 0 || strcmp(name, "user.two") == 0;
    RETURNS(2, found);
    RETURNS(0, removexattr("f", "user.color"));
    FAILS(ENODATA, removexattr("f", "user.color"));
    FAILS(EOPNOTSUPP, setxattr("f", "nonsense", "x", 1, 0));
    FAILS(EINVAL, setxattr("f", "user.x", "x", 1, 99));
    FAILS(ENOENT, getxattr("missing", "user.x", buffer, 1));
    return done();
}
