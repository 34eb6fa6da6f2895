/* What the parts of `work` share. */
#pragma once

/* Says what failed and why, and ends. */
void stop(const char *what);

/* files.c */
void files(const char *folder);
