// Only so that the package manager asks pkg-config for the flags of whichever MPI there is: CMPI includes its header.
#pragma once
