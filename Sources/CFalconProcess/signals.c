// How the process was told to treat signals, and a way for signals to be heard by a thread, where anything may be
// done: a handler itself may hardly do more than write a byte.
#include "include/CFalconProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

int falcon_signal_is_ignored(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

#define LARGEST_SIGNAL 64

// Where each signal's number is written; 0: nowhere (descriptor + 1, so that this is how it starts).
static atomic_int listeners[LARGEST_SIGNAL + 1];

static void tell(int number) {
    int error = errno;
    int listener = number > 0 && number <= LARGEST_SIGNAL ? atomic_load(&listeners[number]) : 0;
    unsigned char byte = (unsigned char)number;
    // A full pipe holds thousands of requests already.
    ssize_t written = listener ? write(listener - 1, &byte, 1) : 0;
    (void)written;
    errno = error;
}

int falcon_open_signal_pipe(int *ends) {
    if (pipe(ends) != 0) return -1;
    for (int end = 0; end < 2; end++) fcntl(ends[end], F_SETFD, FD_CLOEXEC);
    // A handler must not wait.
    return fcntl(ends[1], F_SETFL, O_NONBLOCK);
}

int falcon_send_signal_to(int number, int descriptor) {
    if (number < 1 || number > LARGEST_SIGNAL) return -1;
    atomic_store(&listeners[number], descriptor + 1);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = tell;
    // Reads and writes that a signal meets go on.
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(number, &action, NULL);
}

void falcon_stop_sending_signal(int number) {
    signal(number, SIG_DFL);
    if (number > 0 && number <= LARGEST_SIGNAL) atomic_store(&listeners[number], 0);
}

int falcon_next_signal(int descriptor, const int *numbers, int count) {
    // Whoever started the process may have left them blocked in every thread; one at least must take them.
    sigset_t taken;
    sigemptyset(&taken);
    for (int index = 0; index < count; index++) sigaddset(&taken, numbers[index]);
    pthread_sigmask(SIG_UNBLOCK, &taken, NULL);
    unsigned char byte = 0;
    ssize_t count_read;
    do count_read = read(descriptor, &byte, 1);
    while (count_read < 0 && errno == EINTR);
    return count_read == 1 ? byte : 0;
}
