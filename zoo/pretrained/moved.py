"""Renamed classes and arguments: older weights files are read through this one table."""

from collections.abc import Mapping

CLASSES: Mapping[str, str] = {}  # old class path: new class path
ARGUMENTS: Mapping[str, Mapping[str, str]] = {  # class path: {old argument: new argument}
    "zoo.autoencoders.contractive.ContractiveAutoencoder": {"penalty": "contractive_weight"},
    "zoo.autoencoders.sparse.SparseAutoencoder": {
        "penalty": "sparsity",
        "weight": "sparsity_weight",
    },
    "zoo.gans.dragan.DRAGAN": {"penalty": "gradient_penalty_weight"},
    "zoo.gans.gan.GAN": {"steps": "discriminator_steps", "warm_up": "warm_up_steps"},
    "zoo.gans.wgan.WGAN": {"critic_steps": "discriminator_steps"},
    "zoo.gans.wgan_gp.WGANGP": {
        "critic_steps": "discriminator_steps",
        "penalty": "gradient_penalty_weight",
    },
    "zoo.vaes.beta_vae.BetaVAE": {"steps": "warm_up_steps"},
    "zoo.vaes.iwae.IWAE": {"draws": "importance_samples"},
    "zoo.vaes.vq_vae.VQVAE": {"share": "autoencoder_fraction"},
    "zoo.vaes.vq_vae_2.VQVAE2": {"share": "autoencoder_fraction"},
    "zoo.vaes.wae.WAE": {"penalty": "mmd_weight"},
}
POLICIES = {"colour": "color"}  # of `augment`


def current_class(class_path: str) -> str:
    """The current path of a class."""
    return CLASSES.get(class_path, class_path)


def current_arguments(class_path: str, arguments: Mapping[str, object]) -> dict[str, object]:
    """The arguments of a class by their current names."""
    names = ARGUMENTS.get(class_path, {})
    found = {names.get(name, name): value for name, value in arguments.items()}
    if isinstance(policies := found.get("augment"), list):
        known = [p for p in policies if isinstance(p, str)]
        if len(known) == len(policies):
            found["augment"] = [POLICIES.get(policy, policy) for policy in known]
    return found
