// How the process was told to treat signals; the handlers are pointers that Swift cannot compare.
#include "include/CFalconProcess.h"

#include <signal.h>
#include <string.h>

int falcon_signal_is_ignored(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}
