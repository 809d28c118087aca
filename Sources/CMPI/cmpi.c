// Empty without the package's trait MPI: a plain build needs no MPI.
#include "cmpi.h"

#ifdef FALCON_MPI
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

// Copies of MPI_COMM_WORLD, so that no other library's messages are taken for ours.
static MPI_Comm channels[2];
static MPI_Request *messages;
static int capacity;

// The number of a free place, or a negated error code.
static int free_message(void) {
    for (int i = 0; i < capacity; i++)
        if (messages[i] == MPI_REQUEST_NULL) return i;
    const int more = capacity == 0 ? 64 : 2 * capacity;
    MPI_Request *grown = realloc(messages, sizeof(MPI_Request) * (size_t)more);
    if (grown == NULL) return -MPI_ERR_NO_MEM;
    messages = grown;
    for (int i = capacity; i < more; i++) messages[i] = MPI_REQUEST_NULL;
    const int first = capacity;
    capacity = more;
    return first;
}

int falcon_mpi_start(int *rank, int *size, int *local_rank, int *local_size) {
    int level = 0;
    // One thread makes all calls, and others compute meanwhile.
    int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    if (code != MPI_SUCCESS) return -code;
    if (level < MPI_THREAD_FUNNELED) return -MPI_ERR_OTHER;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    for (int i = 0; i < 2; i++) {
        if ((code = MPI_Comm_dup(MPI_COMM_WORLD, &channels[i])) != MPI_SUCCESS) return -code;
        MPI_Comm_set_errhandler(channels[i], MPI_ERRORS_RETURN);
    }
    if ((code = MPI_Comm_rank(MPI_COMM_WORLD, rank)) != MPI_SUCCESS) return -code;
    if ((code = MPI_Comm_size(MPI_COMM_WORLD, size)) != MPI_SUCCESS) return -code;
    MPI_Comm here;
    code = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
    if (code != MPI_SUCCESS) return -code;
    if ((code = MPI_Comm_rank(here, local_rank)) != MPI_SUCCESS) return -code;
    if ((code = MPI_Comm_size(here, local_size)) != MPI_SUCCESS) return -code;
    MPI_Comm_free(&here);
    return 0;
}

int falcon_mpi_send(const void *bytes, int count, int rank, enum falcon_mpi_channel channel) {
    const int message = free_message();
    if (message < 0) return message;
    const int code = MPI_Isend(bytes, count, MPI_BYTE, rank, 0, channels[channel], &messages[message]);
    return code == MPI_SUCCESS ? message : -code;
}

int falcon_mpi_receive(void *bytes, int count, int rank, enum falcon_mpi_channel channel) {
    const int message = free_message();
    if (message < 0) return message;
    const int code = MPI_Irecv(bytes, count, MPI_BYTE, rank, 0, channels[channel], &messages[message]);
    return code == MPI_SUCCESS ? message : -code;
}

int falcon_mpi_test(int message) {
    int done = 0;
    const int code = MPI_Test(&messages[message], &done, MPI_STATUS_IGNORE);
    return code == MPI_SUCCESS ? done != 0 : -code;
}

void falcon_mpi_cancel(int message) {
    if (messages[message] == MPI_REQUEST_NULL) return;
    MPI_Cancel(&messages[message]);
    MPI_Request_free(&messages[message]);
}

void falcon_mpi_describe(int code, char *text, size_t capacity_of_text) {
    char words[MPI_MAX_ERROR_STRING + 1];
    int length = 0;
    if (MPI_Error_string(-code, words, &length) != MPI_SUCCESS) length = 0;
    words[length] = 0;
    strncpy(text, words, capacity_of_text - 1);
    text[capacity_of_text - 1] = 0;
}

void falcon_mpi_library(char *text, size_t capacity_of_text) {
    char words[MPI_MAX_LIBRARY_VERSION_STRING + 1];
    int length = 0;
    if (MPI_Get_library_version(words, &length) != MPI_SUCCESS) length = 0;
    words[length] = 0;
    strncpy(text, words, capacity_of_text - 1);
    text[capacity_of_text - 1] = 0;
    text[strcspn(text, ",\n")] = 0;
}

void falcon_mpi_finish(void) {
    for (int i = 0; i < 2; i++) MPI_Comm_free(&channels[i]);
    // Nobody leaves before all have said what they have to say: a launcher ends the others with the first that fails.
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    free(messages);
    messages = NULL;
    capacity = 0;
}

void falcon_mpi_abort(int status) { MPI_Abort(MPI_COMM_WORLD, status); }
#endif
