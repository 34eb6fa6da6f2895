/* System V message queues: order, types, sizes, waiting. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>

struct message {
    long type;
    char text[64];
};

static int send_text(int id, long type, const char *text, int flags)
{
    struct message message = { type, "" };
    strcpy(message.text, text);
    return msgsnd(id, &message, strlen(text), flags);
}

static const char *receive(int id, long type, int flags)
{
    static struct message message;
    memset(&message, 0, sizeof message);
    return msgrcv(id, &message, sizeof message.text, type, flags) < 0 ? "" : message.text;
}

static void order(void)
{
    int id = OK(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
    OK(send_text(id, 3, "three", 0));
    OK(send_text(id, 1, "one", 0));
    OK(send_text(id, 2, "two", 0));
    OK(send_text(id, 1, "uno", 0));
    struct msqid_ds state;
    OK(msgctl(id, IPC_STAT, &state));
    CHECK(state.msg_qnum == 4 && state.msg_lspid == getpid() && state.msg_stime != 0);
    CHECK(strcmp(receive(id, 2, 0), "two") == 0);
    CHECK(strcmp(receive(id, -2, 0), "one") == 0);
    CHECK(strcmp(receive(id, 3, MSG_EXCEPT), "uno") == 0);
    CHECK(strcmp(receive(id, 0, 0), "three") == 0);
    CHECK(strcmp(receive(id, 0, IPC_NOWAIT), "") == 0 && errno == ENOMSG);

    OK(send_text(id, 1, "long message", 0));
    struct message message;
    FAILS(E2BIG, msgrcv(id, &message, 4, 0, 0));
    RETURNS(4, msgrcv(id, &message, 4, 0, MSG_NOERROR));
    CHECK(memcmp(message.text, "long", 4) == 0);
    FAILS(EINVAL, send_text(id, 0, "x", 0));
    FAILS(EINVAL, msgsnd(id, &message, 100000, 0));
    FAILS(EFAULT, msgsnd(id, NULL, 1, 0));
    OK(send_text(id, 1, "", 0)); /* a message may be empty */
    RETURNS(0, msgrcv(id, &message, 0, 1, 0));
    OK(msgctl(id, IPC_RMID, NULL));
    CHECK(send_text(id, 1, "x", 0) == -1 && (errno == EINVAL || errno == EIDRM));
}

static void full(void)
{
    int id = OK(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
    struct msqid_ds state;
    OK(msgctl(id, IPC_STAT, &state));
    state.msg_qbytes = 10;
    OK(msgctl(id, IPC_SET, &state));
    OK(send_text(id, 1, "12345678", 0));
    FAILS(EAGAIN, send_text(id, 1, "abc", IPC_NOWAIT));
    pid_t child = fork();
    if (child == 0)
        _exit(send_text(id, 1, "abc", 0) != 0); /* waits for room */
    sleep_ms(20);
    CHECK(strcmp(receive(id, 0, 0), "12345678") == 0);
    CHECK(strcmp(receive(id, 0, 0), "abc") == 0);
    CHILD_OK(child);

    child = fork();
    if (child == 0)
        _exit(strcmp(receive(id, 7, 0), "seven") != 0);
    OK(send_text(id, 6, "six", 0)); /* not for the child */
    OK(send_text(id, 7, "seven", 0));
    CHILD_OK(child);
    CHECK(strcmp(receive(id, 0, 0), "six") == 0);

    child = fork();
    if (child == 0) {
        struct message message;
        _exit(msgrcv(id, &message, 1, 0, 0) == -1 && (errno == EIDRM || errno == EINVAL) ? 0 : 1);
    }
    sleep_ms(20);
    OK(msgctl(id, IPC_RMID, NULL));
    CHILD_OK(child);
}

static void keys(void)
{
    key_t key = 0x53430000 + getpid() % 1000;
    FAILS(ENOENT, msgget(key, 0));
    int id = OK(msgget(key, IPC_CREAT | 0600));
    RETURNS(id, msgget(key, 0));
    FAILS(EEXIST, msgget(key, IPC_CREAT | IPC_EXCL));
    OK(send_text(id, 5, "kept", 0));
    CHECK(strcmp(receive(id, 5, 0), "kept") == 0);
    OK(msgctl(id, IPC_RMID, NULL));
}

int main(void)
{
    order();
    full();
    keys();
    return done();
}
