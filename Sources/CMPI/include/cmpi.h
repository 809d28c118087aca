// MPI as plain functions. Its constants are macros with casts, and its handles are pointers in one implementation and
// numbers in another: so no handle and no constant of it leaves cmpi.c, and Swift never sees mpi.h.
//
// All functions belong to one thread: the one that called falcon_mpi_start. Results below 0 are MPI's error codes,
// negated.
#pragma once
#include <stddef.h>

// The two ways that messages go: neither can be taken for the other's.
enum falcon_mpi_channel { falcon_mpi_data = 0, falcon_mpi_pulse = 1 };

// Starts MPI. Says which process of how many this is, and which of how many on its own machine.
int falcon_mpi_start(int *_Nonnull rank, int *_Nonnull size, int *_Nonnull local_rank, int *_Nonnull local_size);

// Begin to send or receive a message, and return a number to ask for it by. The memory must stay until it is done.
int falcon_mpi_send(const void *_Nonnull bytes, int count, int rank, enum falcon_mpi_channel channel);
int falcon_mpi_receive(void *_Nonnull bytes, int count, int rank, enum falcon_mpi_channel channel);

// 1 where the message is done, and its number is free again; 0 where it is not.
int falcon_mpi_test(int message);

// Gives up a message that nobody will answer.
void falcon_mpi_cancel(int message);

// What MPI calls an error, given the code as a function returned it.
void falcon_mpi_describe(int code, char *_Nonnull text, size_t capacity);

// The name and version of the library, in one line.
void falcon_mpi_library(char *_Nonnull text, size_t capacity);

// Ends MPI once all messages are done.
void falcon_mpi_finish(void);

// Ends all processes.
void falcon_mpi_abort(int status);
