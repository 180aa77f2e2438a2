/* Takes the place of libunwind, 37 KB, which std asks for to print a backtrace. The agent has no unwind tables, for a panic ends it, so
   there is nothing to walk: what is here says so. Not for 32-bit ARM, which unwinds in a way of its own. */

typedef unsigned long word;

enum { END_OF_STACK = 5 };

int _Unwind_Backtrace(void *step, void *argument) { return END_OF_STACK; }
word _Unwind_GetIP(void *context) { return 0; }
word _Unwind_GetIPInfo(void *context, int *before) { *before = 0; return 0; }
word _Unwind_GetRegionStart(void *context) { return 0; }
word _Unwind_GetTextRelBase(void *context) { return 0; }
word _Unwind_GetDataRelBase(void *context) { return 0; }
void *_Unwind_GetLanguageSpecificData(void *context) { return 0; }
void _Unwind_SetIP(void *context, word value) {}
void _Unwind_SetGR(void *context, int register_number, word value) {}
