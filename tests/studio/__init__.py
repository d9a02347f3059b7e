"""A package as a user of zoo would write it: models and data of three modalities, and a plain
LightningModule with a plain LightningDataModule."""
