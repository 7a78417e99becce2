#include "CImageFormats.h"
