"""The stages of a build, one file each, in the order of `builder.run.STAGES`."""
