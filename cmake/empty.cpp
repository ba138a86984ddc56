// A target for precompiled headers needs a file.
