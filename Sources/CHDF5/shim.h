// HDF5's constants are macros that Swift cannot see, most of them with a cast or a hidden call of H5open inside.
#pragma once
#include <hdf5.h>

static inline hid_t falcon_h5_default_properties(void) { return H5P_DEFAULT; }
static inline hid_t falcon_h5_default_error_stack(void) { return H5E_DEFAULT; }
static inline hid_t falcon_h5_whole_space(void) { return H5S_ALL; }
static inline hsize_t falcon_h5_unlimited(void) { return H5S_UNLIMITED; }
static inline size_t falcon_h5_variable_length(void) { return H5T_VARIABLE; }

static inline unsigned falcon_h5_truncate(void) { return H5F_ACC_TRUNC; }

static inline hid_t falcon_h5_file_access_class(void) { return H5P_FILE_ACCESS; }
static inline hid_t falcon_h5_dataset_create_class(void) { return H5P_DATASET_CREATE; }

// Types as they stand in files: always little-endian.
static inline hid_t falcon_h5_int8(void) { return H5T_STD_I8LE; }
static inline hid_t falcon_h5_int32(void) { return H5T_STD_I32LE; }
static inline hid_t falcon_h5_int64(void) { return H5T_STD_I64LE; }
static inline hid_t falcon_h5_uint8(void) { return H5T_STD_U8LE; }
static inline hid_t falcon_h5_uint16(void) { return H5T_STD_U16LE; }
static inline hid_t falcon_h5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t falcon_h5_c_string(void) { return H5T_C_S1; }
static inline hid_t falcon_h5_native_int64(void) { return H5T_NATIVE_INT64; }

static inline int falcon_h5_filter_class_version(void) { return H5Z_CLASS_T_VERS; }
static inline unsigned falcon_h5_filter_mandatory(void) { return H5Z_FLAG_MANDATORY; }

// The library keeps this pointer, so it must last as long as the process.
static inline const char *falcon_h5_zstd_name(void) { return "zstd"; }
